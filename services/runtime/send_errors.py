"""Why a record could not be sent: Kafka is away, or the record is one that Kafka never takes."""

from kafka import errors as kafka_errors

_RECORDS_FAULT = (
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidRecordError,
    kafka_errors.InvalidTimestampError,
)


class KafkaAway(Exception):
    """Kafka didn't acknowledge in time. The record may or may not be there: sending it again is right, its id makes it one."""

    status = "UNAVAILABLE"
    reason = "KAFKA_UNAVAILABLE"
    retry_after_s = 1.0


class RecordRefused(Exception):
    """Kafka will never take this record as it is: too large or invalid. Sending it again changes nothing."""

    status = "INVALID_ARGUMENT"
    reason = "RECORD_REFUSED"


def translated(error: BaseException) -> KafkaAway | RecordRefused:
    """Return what an error of kafka-python means for whoever sent. Its type is named, its text may quote and is not kept."""
    if isinstance(error, _RECORDS_FAULT):
        return RecordRefused(f"Kafka does not take this record: {type(error).__name__}")
    return KafkaAway(f"Kafka did not acknowledge: {type(error).__name__}")
