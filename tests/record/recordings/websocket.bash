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

# paho NAME FORMAT ARGUMENT… : the Python client, which knows its packets as bytes.
paho() {
    local name=$1 format=$2
    shift 2
    wants "$name" || return 0
    rm -f "$scratch/keys"
    watch "$scratch/raw" -i lo "tcp and ($ports)"
    venv/bin/python paho_client.py "$@" >"$scratch/bytes"
    unwatch
    node packets.js <"$scratch/bytes" >"$scratch/log"
    keep_log "$name"
    keep_keys "$name"
    keep "$scratch/raw" "$name" "$format"
}
paho paho-ws pcapng 9001
paho paho-wss pcap 9002 "$CERTIFICATES/ec.pem" "$scratch/keys"
