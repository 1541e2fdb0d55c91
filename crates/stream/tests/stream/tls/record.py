#!/usr/bin/env python3
"""Records what two `openssl` processes say to each other, for what rustls cannot speak.

    ./record.py            writes the .tls files beside it; needs openssl 3

Each file holds the key log of the client, then the bytes of both directions in the order in which they passed a relay:
`> hex` from the client, `< hex` from the server. For each line that the client sends the server sends it turned around.
"""
import os, select, socket, subprocess, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
LINES = ["first line", "a second line that is a little longer"]


def main():
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        openssl = lambda *args: subprocess.run(["openssl", *args], check=True, capture_output=True)
        for kind, new in {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:1024"]}.items():
            openssl("req", "-x509", "-newkey", *new, "-nodes", "-keyout", f"{kind}.key", "-out", f"{kind}.crt",
                    "-days", "36500", "-subj", "/CN=broker.test", "-addext", "subjectAltName=DNS:broker.test")
        with open("early", "w") as early:
            early.write("early line\n")
        tls12 = lambda suite, *more: dict(both=["-tls1_2", "-cipher", suite + ":@SECLEVEL=0", *more])
        tls13 = lambda suite, *more: dict(both=["-tls1_3", "-ciphersuites", suite, *more])
        record("cbc-sha1", **tls12("ECDHE-ECDSA-AES128-SHA", "-no_etm"))
        record("cbc-sha1-etm", **tls12("ECDHE-ECDSA-AES128-SHA"))
        record("cbc-sha256", **tls12("AES256-SHA256", "-no_etm"), cert="rsa")
        record("cbc-sha256-etm", **tls12("ECDHE-ECDSA-AES128-SHA256"))
        record("cbc-sha384-etm", **tls12("ECDHE-ECDSA-AES256-SHA384"))
        record("ccm8", **tls12("ECDHE-ECDSA-AES128-CCM8"))
        record("ccm8-256", **tls12("ECDHE-ECDSA-AES256-CCM8"))
        record("ccm", **tls12("ECDHE-ECDSA-AES128-CCM"))
        record("ccm-256", **tls12("ECDHE-ECDSA-AES256-CCM"))
        record("psk-ccm8", **tls12("PSK-AES128-CCM8", "-psk", "0102030405060708"), cert=None)
        record("tls13-ccm", **tls13("TLS_AES_128_CCM_SHA256"))
        record("tls13-ccm8", **tls13("TLS_AES_128_CCM_8_SHA256"))
        record("camellia", **tls12("ECDHE-ECDSA-CAMELLIA128-SHA256"))
        record("renegotiation", **tls12("ECDHE-ECDSA-AES128-GCM-SHA256"),
               server=["-client_renegotiation"], between="R")
        record("resumption", **tls12("ECDHE-ECDSA-AES128-GCM-SHA256", "-no_ticket"), before=[])
        record("key-update", **tls13("TLS_AES_256_GCM_SHA384"), between="K")
        early = dict(**tls13("TLS_AES_128_GCM_SHA256"), before=["-early_data"], client=["-early_data", "early"])
        record("early-data", **early, server=["-early_data"])
        record("early-data-refused", **early)


def record(name, both, cert="ec", server=[], client=[], between=None, before=None):
    """`before`: first another connection, with these options of the server, whose session the recorded one resumes."""
    identity = ["-cert", f"{cert}.crt", "-key", f"{cert}.key"] if cert else ["-nocert"]
    port = free_port()
    # a session outlives the process only by tickets, whose keys must be the same: one process for both connections
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *identity, *both, "-alpn", "mqtt",
               *(before if before is not None else server)]
    # the server that turns lines around neither reads early data nor goes on after a change of keys
    command.append("-quiet" if "-early_data" in command or between else "-rev")
    run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        if before is not None:
            exchange(port, [*both, "-sess_out", "session"], None, echoes="-rev" in command, to_server=run.stdin)
            client = [*client, "-sess_in", "session"]
            if before != server and server == [] and "-early_data" in before:
                # another process does not know the ticket: early data are refused
                run.kill(); run.wait()
                command = [word for word in command if word not in [*before, "-quiet"]] + ["-rev"]
                run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
                wait_for(port)
        keys, passed = exchange(port, [*both, *client], between, echoes="-rev" in command, to_server=run.stdin)
    finally:
        run.kill()
        run.wait()
    with open(os.path.join(HERE, f"{name}.tls"), "w") as out:
        out.write("".join(line for line in keys if not line.startswith("#")))
        for sign, data in passed:
            out.write(f"{sign} {data.hex()}\n")
    print(name, sum(len(data) for _, data in passed))


def exchange(port, options, between, echoes, to_server):
    """One connection through a relay: its key log and what passed."""
    relay = socket.create_server(("127.0.0.1", 0))
    if os.path.exists("keys"):
        os.remove("keys")
    run = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{relay.getsockname()[1]}", "-keylogfile", "keys",
         "-servername", "broker.test", "-alpn", "mqtt,http/1.1", *options],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    near = relay.accept()[0]
    far = socket.create_connection(("127.0.0.1", port))
    passed, ended = [], False

    def pump(quiet=0.3):
        nonlocal ended
        while not ended:
            ready = select.select([near, far], [], [], quiet)[0]
            if not ready:
                return
            for source in ready:
                data = source.recv(65536)
                if not data:
                    ended = True
                    return
                passed.append((">" if source is near else "<", data))
                (far if source is near else near).sendall(data)

    def say(line, to=run.stdin):
        to.write(line.encode() + b"\n")
        to.flush()
        pump()

    pump(0.6)
    for line in LINES:
        say(line)
        if not echoes:
            say(line[::-1], to_server)
        if between and line is LINES[0]:
            say(between)
    run.stdin.close()
    pump()
    run.kill()
    run.wait()
    with open("keys") as keys:
        return keys.readlines(), passed


def free_port():
    with socket.socket() as any:
        any.bind(("127.0.0.1", 0))
        return any.getsockname()[1]


def wait_for(port):
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
    raise SystemExit("s_server does not listen")


main()
