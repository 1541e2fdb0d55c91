"""What mqscope is asked for. Each scenario ends long after it has been measured."""

# These runs show what the generator takes, also where it is asked for more than it can.
ANY = 'validity: {send_lag: ["p(99) < 1h"], generator_cpu: ["max < 10000%"]}'


def target(urls, tls=""):
    return f"target: {{brokers: [{', '.join(repr(url) for url in urls)}], connect_timeout: 60s{tls}}}"


def idle(urls, devices, rate, tls=""):
    return f"""
name: idle
{target(urls, tls)}
groups: {{devices: {{count: {devices}, keep_alive: 300s}}}}
phases:
  - {{name: ramp, devices: {{connect: {{rate: {rate}/s}}}}, until: "connected == 100%", timeout: 5m}}
  - {{name: hold, duration: 1h}}
{ANY}
"""


def publishing(urls, devices, rate, qos, duration="1h", thresholds="{}"):
    """`rate` messages a second together, of 64 bytes, once all are connected."""
    return f"""
name: publishing
{target(urls)}
groups:
  devices:
    count: {devices}
    keep_alive: 300s
    publish: {{p: {{topic: "t/{{{{i}}}}", payload: {{size: 64}}, qos: {qos}}}}}
phases:
  - {{name: ramp, devices: {{connect: {{rate: 5000/s}}, p: off}}, until: "connected == 100%", timeout: 5m}}
  - {{name: steady, duration: {duration}, devices: {{p: {{rate: {rate}/s}}}}}}
thresholds: {thresholds}
{ANY}
"""


def receiving(urls, subscribers, rate):
    """One publishes as fast as the slowest subscriber takes it, each message known again by its stamp."""
    return f"""
name: receiving
{target(urls)}
groups:
  subscribers: {{count: {subscribers}, subscribe: [{{filter: fan, qos: 0}}]}}
  publisher: {{count: 1, publish: {{p: {{topic: fan, payload: {{size: 64}}, qos: 0}}}}}}
phases:
  - name: ramp
    subscribers: {{connect: {{rate: 1000/s}}}}
    publisher: {{connect: {{rate: 1000/s}}, p: off}}
    until: "subscribed == 100%"
  - {{name: steady, duration: 1h, publisher: {{p: {{rate: {rate}/s}}}}}}
{ANY}
"""


def fleet(urls, devices, duration):
    """A message a second each at QoS 1, delivered to one backend: none may be lost on either way."""
    return f"""
name: fleet
{target(urls)}
groups:
  backend: {{count: 1, keep_alive: 300s, subscribe: [{{filter: "t/+", qos: 1}}]}}
  devices:
    count: {devices}
    keep_alive: 300s
    publish: {{p: {{topic: "t/{{{{i}}}}", payload: {{size: 64}}, qos: 1}}}}
phases:
  - {{name: backend, backend: {{connect: {{rate: 100/s}}}}, devices: {{p: off}}, until: "backend.subscribed == 100%"}}
  - {{name: ramp, devices: {{connect: {{rate: 1000/s}}, p: off}}, until: "connected == 100%", timeout: 5m}}
  - {{name: steady, duration: {duration}, devices: {{p: {{rate: {devices}/s}}}}}}
thresholds:
  connect_failed: ["count == 0"]
  disconnects: ["count == 0"]
  delivery_lost: ["count == 0"]
  "publish_rate{{phase:steady}}": ["achieved >= 100%"]
  "connected{{phase:steady}}": ["min >= 100%"]
{ANY}
"""
