"""Has a conversation by paho-mqtt over WebSocket: `paho_client.py PORT [CERTIFICATE KEYS]`; with a certificate over TLS, the keys logged.

Prints every packet that the client sends and takes, as bytes: packets.js makes a log like MQTT.js's of it.
"""
import json
import ssl
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


class Logging(mqtt.Client):
    """Overrides the two places where paho has each packet whole, and the one where its socket is made."""

    def _create_socket_connection(self):
        made = super()._create_socket_connection()
        self.local_port = made.getsockname()[1]
        return made

    def note(self, sender, packet):
        print(json.dumps({"port": self.local_port, "from": sender, "hex": bytes(packet).hex()}))

    def _packet_queue(self, command, packet, *more):
        self.note("client", packet)
        return super()._packet_queue(command, packet, *more)

    def _packet_handle(self):
        taken = self._in_packet
        length, digits = len(taken["packet"]), bytearray()
        while not digits or length:
            length, digit = divmod(length, 128)
            digits.append(digit | (128 if length else 0))
        self.note("broker", bytes([taken["command"]]) + digits + taken["packet"])
        return super()._packet_handle()


def loop(client, until):
    while not until():
        if client.loop(0.05) != mqtt.MQTT_ERR_SUCCESS:
            raise SystemExit("paho lost its connection")


def converse(version, port, context):
    name = f"paho-{version}"
    five = version == mqtt.MQTTv5
    client = Logging(mqtt.CallbackAPIVersion.VERSION2, name, protocol=version, transport="websockets")
    client.ws_set_options(path="/mqtt", headers={"X-Device": "meter-17"})
    if context:
        client.tls_set_context(context)
    done = {"connected": False, "subscribed": 0, "unsubscribed": 0, "published": 0, "messages": 0}

    def count(what):
        def one_more(*_):
            done[what] += 1
        return one_more

    client.on_connect, client.on_subscribe, client.on_unsubscribe = count("connected"), count("subscribed"), count("unsubscribed")
    client.on_publish, client.on_message = count("published"), count("messages")
    properties = None
    if five:
        properties = Properties(PacketTypes.PUBLISH)
        properties.ContentType, properties.UserProperty = "text/plain", ("unit", "°C")
    client.username_pw_set("meter", "kWh-2026")
    client.will_set(f"{name}/status", "gone", qos=1)
    client.connect("127.0.0.1", port, keepalive=1)
    loop(client, lambda: done["connected"])
    client.subscribe([(f"{name}/zero", 0), (f"{name}/#", 2)])
    loop(client, lambda: done["subscribed"])
    payloads = ["at most once", "at least once", b"\x00\xff\xfe exactly once", "long: " + "0123456789" * 60]
    for number, payload in enumerate(payloads):
        client.publish(f"{name}/{number}", payload, qos=number % 3, retain=number == 1, properties=properties)
        loop(client, lambda: done["published"] > number and done["messages"] > number)
    client.publish(f"{name}/1", b"", qos=1, retain=True)
    loop(client, lambda: done["messages"] > len(payloads))
    # A second's silence brings PINGREQ; its answer is awaited by the broker's next packet.
    quiet = mqtt.time_func() + 1.6
    loop(client, lambda: mqtt.time_func() > quiet)
    client.unsubscribe(f"{name}/zero")
    loop(client, lambda: done["unsubscribed"])
    client.disconnect()
    while client.loop(0.05) == mqtt.MQTT_ERR_SUCCESS:
        pass


if __name__ == "__main__":
    context = None
    if len(sys.argv) > 2:
        context = ssl.create_default_context(cafile=sys.argv[2])
        context.check_hostname = False
        context.keylog_filename = sys.argv[3]
    for version in (mqtt.MQTTv311, mqtt.MQTTv5):
        converse(version, int(sys.argv[1]), context)
