# Over plain TCP, to mosquitto on ports 1883 and 1885.

# run NAME COMMAND… : whatever mosquitto's own clients do.
run() {
    local name=$1 format=$2
    shift 2
    wants "$name" || return 0
    watch "$scratch/raw" -i lo 'tcp port 1883'
    "$@"
    unwatch
    keep "$scratch/raw" "$name" "$format"
}

# clients VERSION : every QoS, a will, a retained message and its removal, by mosquitto_sub and mosquitto_pub.
clients() {
    local options=(-h 127.0.0.1 -V "$1") extra=()
    if [[ $1 == 5 ]]; then
        extra=(-D publish content-type text/plain -D publish user-property site north -D publish message-expiry-interval 60
            -D publish response-topic answers -D publish correlation-data c1 -D publish payload-format-indicator 1)
    fi
    mosquitto_sub "${options[@]}" -i sub-1 -q 2 -t 'home/#' -t 'office/+/light' -C 5 -W 10 --will-topic home/status --will-payload gone \
        --will-qos 1 --will-retain >/dev/null &
    local subscriber=$!
    sleep 0.3
    mosquitto_pub "${options[@]}" -i pub-0 -t home/kitchen/temp -m 21.5
    mosquitto_pub "${options[@]}" -i pub-1 -t home/kitchen/temp -m 21.6 -q 1 -r "${extra[@]}"
    mosquitto_pub "${options[@]}" -i pub-2 -t home/kitchen/temp -m 21.7 -q 2 -u meter -P kWh-2026
    mosquitto_pub "${options[@]}" -i pub-3 -t home/kitchen/temp -r -n
    printf 'a\nb\n' | mosquitto_pub "${options[@]}" -i pub-4 -t office/1/light -l -q 1
    wait "$subscriber"
}

# Bridges of two brokers: mosquitto says so by the protocol level's highest bit (3.1: 0x83, 3.1.1: 0x84).
bridge() {
    broker 1884 <<END
listener 1884 127.0.0.1
allow_anonymous true
connection old
address 127.0.0.1:1883
remote_clientid bridge-31
bridge_protocol_version mqttv31
topic from-old out 1 "" bridged/
connection new
address 127.0.0.1:1883
remote_clientid bridge-311
bridge_protocol_version mqttv311
topic # both 2 local/ remote/
topic status in 0
END
    sleep 0.5
    mosquitto_pub -p 1884 -i local -t from-old -m one -q 1
    mosquitto_pub -p 1884 -i local -t local/up -m two -q 2
    mosquitto_pub -p 1883 -i far -t remote/down -m three -q 1
    sleep 0.3
    kill "${running[-1]}"
    wait "${running[-1]}" || true
}

js mqttjs-v31 pcap
js mqttjs-v311 pcapng
js mqttjs-v5 pcapng
js mqttjs-v5-shared pcap.gz --time-stamp-precision=nano
js mqttjs-resume pcapng.zst
js mqttjs-refused pcap
js mqttjs-pieces pcap
js mqttjs-large pcapng.zst
js malformed pcap
if wants aliyun-p2p >/dev/null; then
    node conversations.js aliyun-p2p-before >/dev/null
    js aliyun-p2p pcap
fi
run mosquitto-v31 pcap clients 31
run mosquitto-v311 pcapng clients 311
run mosquitto-v5 pcapng.zst clients 5

# One file of two interfaces with different link types: what went over 1883 as Ethernet, over 1884 as Linux cooked.
if wants mosquitto-bridge; then
    watch "$scratch/cooked" -i any 'tcp port 1884'
    watch "$scratch/raw" -i lo 'tcp port 1883'
    bridge
    unwatch
    mergecap -F pcapng -I none -w "$scratch/merged" "$scratch/raw" "$scratch/cooked"
    keep "$scratch/merged" mosquitto-bridge pcapng
fi

# Begins in the middle of a conversation: no handshake, no CONNECT.
if wants midstream; then
    editcap -F pcap -r "$captures/mqttjs-v5.pcapng" "$captures/midstream.pcap" 30-80
fi
