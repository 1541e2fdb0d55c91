# Over TLS: MQTT at port 8883, WebSocket at 8084; mosquitto's own at 8884, 8885 (it asks for a certificate) and 9002.

js mqttjs-mqtts-13 pcapng
js mqttjs-mqtts-12 pcapng.zst
js mqttjs-mqtts-cbc pcapng.zst
keys=inside js mqttjs-mqtts-resumed pcapng
keys=inside js mqttjs-mqtts-handshakes pcapng.zst
js mqttjs-mqtts-large pcap
js mqttjs-mqtts-key-update pcapng
js mqttjs-mqtts-mosquitto pcap
js mqttjs-wss-13 pcap.gz
keys=inside js mqttjs-wss-12 pcapng.zst
js mqttjs-wss-mosquitto pcapng.zst
keys=lost js mqttjs-keyless pcap
