"""Generate gen/ from proto/: messages, stubs for mypy, gRPC services, and the image that buf lints.

`buf/validate/validate.proto` is not kept here as text: its descriptor comes out of the pinned protovalidate package,
so that the rules that are compiled are the rules that are enforced.
"""

import hashlib
import shutil
import sys
from pathlib import Path

from google.protobuf import descriptor_pb2
from grpc_tools import protoc
from protovalidate._gen.buf.validate import validate_pb

ROOT = Path(__file__).resolve().parent
GEN = ROOT.parent / "gen"
GOOGLE = Path(protoc.__file__).resolve().parent / "_proto"
RPC = Path(descriptor_pb2.__file__).resolve().parents[2]
STAMP = GEN / ".stamp"


def digest(sources: list[Path]) -> str:
    """Hex digest over everything that decides what is generated."""
    state = hashlib.sha256(Path(__file__).read_bytes())
    for path in [*sources, ROOT.parent / "requirements" / "dev.txt"]:
        state.update(path.as_posix().encode())
        state.update(path.read_bytes())
    return state.hexdigest()


def validate_descriptor() -> descriptor_pb2.FileDescriptorProto:
    """Return the descriptor of buf/validate/validate.proto as the protovalidate package carries it."""
    return descriptor_pb2.FileDescriptorProto.FromString(validate_pb.desc().proto.to_binary())


def run(*arguments: str) -> None:
    """Run protoc, ending the script with its status when it fails."""
    status = protoc.main(["protoc", *arguments])
    if status:
        sys.exit(status)


def main() -> None:
    """Generate when a source has changed since the last time; `--force` always does."""
    sources = sorted(ROOT.glob("sluice/**/*.proto"))
    stamp = digest(sources)
    if "--force" not in sys.argv and STAMP.exists() and STAMP.read_text() == stamp:
        return
    shutil.rmtree(GEN, ignore_errors=True)
    GEN.mkdir()
    imports = [
        "google/protobuf/descriptor.proto",
        "google/protobuf/duration.proto",
        "google/protobuf/field_mask.proto",
        "google/protobuf/timestamp.proto",
    ]
    base = GEN / "base.binpb"
    run(f"-I{GOOGLE}", "--include_imports", f"--descriptor_set_out={base}", *imports)
    deps = descriptor_pb2.FileDescriptorSet.FromString(base.read_bytes())
    deps.file.append(validate_descriptor())
    base.write_bytes(deps.SerializeToString())
    names = [path.relative_to(ROOT).as_posix() for path in sources]
    paths = [f"-I{ROOT}", f"-I{GOOGLE}", f"-I{RPC}", f"--descriptor_set_in={base}"]
    run(f"--descriptor_set_in={base}", f"--python_out={GEN}", f"--pyi_out={GEN}", "buf/validate/validate.proto")
    bin_folder = Path(sys.executable).parent
    plugins = [f"--plugin=protoc-gen-{name}={bin_folder / f'protoc-gen-{name}'}" for name in ("mypy", "mypy_grpc")]
    outs = [f"--{kind}_out={GEN}" for kind in ("python", "grpc_python")]
    outs += [f"--{kind}_out=quiet:{GEN}" for kind in ("mypy", "mypy_grpc")]
    run(*paths, *plugins, *outs, *names)
    run(*paths, "--include_imports", "--include_source_info", f"--descriptor_set_out={GEN / 'sluice.binpb'}", *names)
    for folder in {path.parent for path in GEN.glob("**/*.py")}:
        (folder / "py.typed").touch()
    STAMP.write_text(stamp)
    print(f"generated {len(names)} proto files into gen/")


if __name__ == "__main__":
    main()
