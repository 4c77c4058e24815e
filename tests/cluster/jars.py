"""Apache Kafka and Elasticsearch as jars of Maven Central, fetched once and kept between runs."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
NETTY = "transport-netty4"
JVMS = Path("/usr/lib/jvm")
OLDEST_JAVA = 21
DOWNLOAD_S = 600


class Missing(RuntimeError):
    """This machine lacks what the cluster tests need; the message says what, in one line."""


def find_java() -> str:
    """Return a java of version 21 or newer: of JAVA_HOME, of the path, or of /usr/lib/jvm. Raises Missing."""
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    on_path = shutil.which("java")
    places = [*(home / "bin/java" for home in homes), *([Path(on_path)] if on_path else [])]
    places += sorted(JVMS.glob("*/bin/java"))
    for java in places:
        # The compiler, too: a distribution without it can't run the node's source.
        if java.exists() and (java.resolve().parent / "javac").exists() and _version(java) >= OLDEST_JAVA:
            return str(java)
    raise Missing(f"the cluster tests need a JDK of version {OLDEST_JAVA} or newer: install one, or set JAVA_HOME")


def _version(java: Path) -> int:
    said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found.group(1)) if found else 0


def cached_jars() -> Path:
    """Return the folder with `kafka/`, `elasticsearch/` and `modules/transport-netty4/`, filled by Maven when it isn't there.

    It is named by the pom's content, so another version makes another folder; a fetch that was interrupted leaves none.
    XDG_CACHE_HOME moves it. Raises Missing.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sluice" / "jars"
    folder = base / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    if folder.exists():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing("the cluster tests fetch Kafka and Elasticsearch with Maven: install mvn")
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base) as unfinished:
        filled = Path(unfinished) / "filled"
        _fetch(maven, "kafka", filled / "kafka")
        _fetch(maven, "elasticsearch", filled / "elasticsearch")
        _fetch(maven, NETTY, filled / "modules" / NETTY)
        _describe_module(filled / "modules" / NETTY)
        try:
            filled.rename(folder)
        except OSError:
            # Another run was faster; its folder is as good.
            if not folder.exists():
                raise
    return folder


def _fetch(maven: str, profile: str, folder: Path) -> None:
    goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
    options = ["-q", "-B", "-f", str(POM), "-P", profile, "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    done = subprocess.run([maven, *options, goal], capture_output=True, text=True, timeout=DOWNLOAD_S, check=False)
    if done.returncode:
        raise Missing(f"Maven can't fetch {profile}: {' / '.join(done.stdout.splitlines()[-5:])}")


def _describe_module(folder: Path) -> None:
    """Make a module of the jars, as the distribution has it: without what the server has, and with its descriptor.

    The line that names a Java module goes: the server itself is on the class path, so there are no modules to join.
    """
    for jar in (folder.parent.parent / "elasticsearch").glob("*.jar"):
        (folder / jar.name).unlink(missing_ok=True)
    (jar,) = folder.glob(f"{NETTY}-*.jar")
    name = "plugin-descriptor.properties"
    with zipfile.ZipFile(jar) as archive:
        lines = archive.read(f"META-INF/es-plugins/{NETTY}/{name}").decode().splitlines()
    (folder / name).write_text("\n".join(line for line in lines if not line.startswith("modulename=")) + "\n")
