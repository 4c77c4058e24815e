from types import SimpleNamespace

import pytest
from aiokafka.errors import KafkaConnectionError

from services.runtime.record_errors import each_record

RECORDS = [SimpleNamespace(offset=n, value=str(n).encode()) for n in range(4)]


class DeadLetters:
    """Collects what could not be handled."""

    def __init__(self):
        self.kept = []

    async def __call__(self, record, error):
        """Keep a record."""
        self.kept.append((record.offset, str(error)))


async def test_bad_record_goes_to_the_dead_letters_and_the_rest_go_on():
    """One poisoned record neither stops its partition nor takes its neighbours with it."""
    letters = DeadLetters()

    def handle(record):
        if record.offset == 1:
            raise ValueError("no protobuf")
        return record.offset * 10

    assert await each_record(RECORDS, handle, letters) == [0, 20, 30]
    assert letters.kept == [(1, "no protobuf")]


@pytest.mark.parametrize("error", [KafkaConnectionError("away"), OSError("disk"), TimeoutError()])
async def test_failure_of_the_infrastructure_is_raised_and_no_record_is_blamed(error):
    """Were it a dead letter, an outage would empty the topic into the queue."""
    letters = DeadLetters()

    def handle(_record):
        raise error

    with pytest.raises(type(error)):
        await each_record(RECORDS, handle, letters)
    assert letters.kept == []


async def test_dead_letter_that_cannot_be_kept_is_raised():
    """The record would be lost: the batch must not be acknowledged."""

    async def full(_record, _error):
        raise KafkaConnectionError("the queue is away")

    def handle(_record):
        raise ValueError("bad")

    with pytest.raises(KafkaConnectionError):
        await each_record(RECORDS, handle, full)
