"""A network client for kafka-python that never makes a broker create a topic."""

from typing import Any

from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector


def known_topics_only(**configs: Any) -> Any:
    """Return the client; pass this function as `kafka_client` to a KafkaProducer or KafkaConsumer.

    kafka-python 3.0.12 takes `allow_auto_create_topics=False` and doesn't hand it on to where topics are looked up, so that a
    broker which creates on demand would make a topic of one partition out of a wrong name.
    """
    network = NetworkSelector(**configs)
    manager = KafkaConnectionManager(network, **configs)
    manager.cluster.config["allow_auto_create_topics"] = False
    return KafkaNetClient(net=network, manager=manager, **configs)
