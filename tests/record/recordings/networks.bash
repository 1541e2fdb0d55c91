# Networks and what they do to the bytes: clients in a namespace of their own at 10.7.0.2, brokers in this one at 10.7.0.1.

unshare --net sleep infinity &
there=$!
far=(nsenter --net --target "$there")
until [[ $(readlink "/proc/$there/ns/net") != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.05; done

# address NEAR FAR : gives both devices their addresses, and keeps IPv6 from announcing itself in the recordings.
address() {
    "${far[@]}" ip link set lo up
    sysctl -qw "net.ipv6.conf.$1.disable_ipv6=1"
    "${far[@]}" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=1"
    ip address add 10.7.0.1/24 dev "$1"
    "${far[@]}" ip address add 10.7.0.2/24 dev "$2"
    ip link set "$1" up mtu 1500 gso_max_segs 1
    "${far[@]}" ip link set "$2" up mtu 1500 gso_max_segs 1
}

# relayed ARGUMENT… : relay.py between devices `near` and `far`, until `unrelay`.
relayed() {
    rm -f "$scratch/relay"
    python3 relay.py "$@" >"$scratch/relay" &
    relay=$!
    until grep -qs ready "$scratch/relay"; do kill -0 "$relay"; sleep 0.05; done
    ip link set far netns "$there"
    address near far
}
unrelay() {
    kill "$relay"
    wait "$relay" || true
}

# from_afar CONVERSATION : has it over there.
from_afar() {
    rm -f "$scratch/keys"
    "${far[@]}" env BROKER=10.7.0.1 node --no-warnings --tls-keylog="$scratch/keys" conversations.js "$1" >"$scratch/log" ||
        { cat "$scratch/log"; exit 1; }
}

# One run, seen where its packets are sent before some are lost, and where they come in after that.
if wants lossy; then
    node conversations.js deflating-server &
    server=$!
    until (: </dev/tcp/127.0.0.1/8083) 2>/dev/null; do sleep 0.05; done
    relayed lossy 17
    afar=("${far[@]}")
    watch "$scratch/client-side" -i far tcp
    afar=()
    watch "$scratch/broker-side" -i near tcp
    from_afar lossy
    sleep 1
    unwatch
    unrelay
    kill "$server"
    wait "$server" || true
    for side in client broker; do
        cp "$scratch/log" "$captures/lossy-$side-side.packets.jsonl"
        keys=inside keep_keys "lossy-$side-side"
        keep "$scratch/$side-side" "lossy-$side-side" pcapng.zst
    done
fi

# tagged NAME TAG… : what a switch's mirror port shows of a VLAN, or of one within another.
tagged() {
    local name=$1
    shift
    wants "$name" || return 0
    relayed tagged "$@"
    sysctl -qw net.ipv6.conf.trunk.disable_ipv6=1
    ip link set trunk up mtu 1508
    watch "$scratch/raw" -i trunk
    from_afar everywhere
    unwatch
    unrelay
    keep_log "$name"
    keep_keys "$name"
    keep "$scratch/raw" "$name" pcap
}
tagged vlan 5
tagged qinq 100 5

# The inner MTU is the outer one: large packets are IP fragments outside.
if wants vxlan; then
    ip link add under-near type veth peer name under-far netns "$there"
    ip address add 172.16.0.1/24 dev under-near
    "${far[@]}" ip address add 172.16.0.2/24 dev under-far
    ip link set under-near up
    "${far[@]}" ip link set under-far up
    ip link add vx-near type vxlan id 42 local 172.16.0.1 remote 172.16.0.2 dstport 4789
    "${far[@]}" ip link add vx-far type vxlan id 42 local 172.16.0.2 remote 172.16.0.1 dstport 4789
    address vx-near vx-far
    watch "$scratch/raw" -i under-near 'udp port 4789 or ip[6:2] & 0x1fff != 0'
    from_afar everywhere
    unwatch
    ip link delete vx-near
    "${far[@]}" ip link delete vx-far
    ip link delete under-near
    keep_log vxlan
    keep_keys vxlan
    keep "$scratch/raw" vxlan pcapng.zst
fi

# Every frame is seen twice: at the bridge, and at its port.
if wants cooked-twice; then
    ip link add bridge type bridge
    ip link add port type veth peer name far netns "$there"
    ip link set port master bridge up
    address bridge far
    watch "$scratch/raw" -i any -y LINUX_SLL "tcp and net 10.7.0.0/24 and ($ports)"
    from_afar everywhere
    unwatch
    ip link delete port
    ip link delete bridge
    keep_log cooked-twice
    keep_keys cooked-twice
    keep "$scratch/raw" cooked-twice pcapng.zst
fi

# What the proxy's server passes on is not recorded: each conversation shows once.
ports='port 1888 or 8888 or 8088' js proxied pcapng.zst

# one_sided NAME FROM CONVERSATION DIRECTION : a tap that sees one direction only.
one_sided() {
    wants "$1" || return 0
    watch "$scratch/raw" -i lo "tcp $4 port 1883"
    node conversations.js "$3" >"$scratch/log"
    unwatch
    grep "\"from\":\"$2\"" "$scratch/log" >"$captures/$1.packets.jsonl"
    keep "$scratch/raw" "$1" pcap
}
one_sided one-sided-broker broker mqttjs-v311 src
one_sided one-sided-client client mqttjs-v5 dst

# Frames are cut after 96 bytes.
if wants snapped; then
    watch "$scratch/raw" -i lo -s 96 "tcp and ($ports)"
    node conversations.js mqttjs-v311 >/dev/null
    unwatch
    keep "$scratch/raw" snapped pcap
fi

# A browser that mistook the port, TLS where there is none, none where there is, and a page of the WebSocket server's.
strangers() {
    curl -s -m 2 http://127.0.0.1:1883/ >/dev/null || true
    mosquitto_pub -h 127.0.0.1 -p 1883 --cafile "$CERTIFICATES/ec.pem" -t a -m b 2>/dev/null || true
    mosquitto_pub -h 127.0.0.1 -p 8884 -i in-the-clear -t a -m b 2>/dev/null || true
    curl -s -m 2 http://127.0.0.1:9001/ >/dev/null || true
}
if wants strangers; then
    watch "$scratch/raw" -i lo "tcp and ($ports)"
    strangers
    unwatch
    keep "$scratch/raw" strangers pcap
fi

# cut NAME FROM FRAMES… : only these frames of another capture. lack: all but these.
cut() { extract -r "$@"; }
lack() { extract '' "$@"; }
extract() {
    local only=$1 name=$2 from=$3
    shift 3
    wants "$name" || return 0
    editcap -F pcap $only "$captures/$from" "$scratch/part" "$@"
    if [[ -e $captures/${from%%.*}.keys ]]; then cp "$captures/${from%%.*}.keys" "$captures/$name.keys"; fi
    keep "$scratch/part" "$name" pcap.gz
}
cut cut-ws mqttjs-ws.pcapng.zst 60-160
cut cut-ws-deflate mqttjs-ws-deflate.pcapng.zst 60-160
cut cut-wss mqttjs-wss-13.pcap.gz 30-90
lack gap-ws mqttjs-ws-v31.pcapng.zst 60-70
lack gap-ws-deflate mqttjs-ws-mixed.pcapng.zst 60-70 220-226
lack gap-mqtts mqttjs-mqtts-13.pcapng 36-37 81
