import pytest

from services.runtime.faust_app import FaustSettings


@pytest.fixture
def faust_settings(kafka, unique, tmp_path):
    """Return what makes settings for one worker; topics are batched."""

    def make(*topics, security=kafka, **changes):
        return FaustSettings(
            **{
                "app_id": f"{unique}-app",
                "kafka": security,
                "instance_id": f"{unique}-app-0",
                "canonical_url": "grpc://127.0.0.1:50051",
                "data_dir": tmp_path / "faust",
                "batched_topics": frozenset(topics),
                **changes,
            }
        )

    return make
