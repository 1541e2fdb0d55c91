# Over WebSocket in the clear: a server on ws at port 8083, mosquitto's own at 9001.

js mqttjs-ws pcapng.zst
js mqttjs-ws-v31 pcapng.zst
js mqttjs-ws-deflate pcapng.zst
js mqttjs-ws-no-takeover pcapng.zst
js mqttjs-ws-windows pcapng.zst
js mqttjs-ws-mixed pcapng.zst
js mqttjs-ws-control pcapng.zst
js mqttjs-ws-fragments pcapng.zst
js mqttjs-ws-mosquitto pcapng.zst
js ws-refused pcap
js ws-careless pcap
