use super::*;

const SMALL: &str = r#"
name: smoke
groups:
  sensors:
    count: 1000
    publish: {telemetry: {topic: "fleet/{{client_id}}/data", payload: {size: 64}, qos: 1, rate: 1/s}}
  backend:
    count: 1
    subscribe: ["fleet/+/data"]
phases: [{name: steady, duration: 30s}]
thresholds: {delivery_latency: ["p(99) < 50ms"], delivery_lost: ["count == 0"]}
"#;

fn plan(text: &str) -> Plan {
    match Scenario::parse("scenario.yaml", text, &Overrides::default()) {
        Ok(plan) => plan,
        Err(problems) => panic!("{problems}"),
    }
}

fn problems(text: &str) -> Problems {
    Scenario::parse("scenario.yaml", text, &Overrides::default()).expect_err("must have problems")
}

/// Messages alone, with line and column.
fn list(text: &str) -> Vec<String> {
    let line = |problem: &Problem| match &problem.place {
        Some(place) => format!("{}:{}: {}", place.line, place.column, problem.message),
        None => problem.message.clone(),
    };
    problems(text).list.iter().map(line).collect()
}

/// A valid scenario around some lines.
fn with_group(lines: &str) -> String {
    format!("groups:\n  g:\n    count: 2\n    subscribe: a\n{lines}\nphases: [{{name: p, duration: 1s}}]\n")
}

#[test]
fn the_small_scenario_is_understood() {
    let plan = plan(SMALL);
    assert_eq!((plan.name.as_str(), plan.devices(), plan.streams()), ("smoke", 1001, 1000));
    let [connect, steady] = &plan.phases[..] else { panic!("two phases: {:?}", plan.phases) };
    assert_eq!(connect.name, "connect");
    assert!(connect.acts.iter().all(|act| act.connect.is_some()));
    assert_eq!(connect.acts[0].publish[0].0, Rate::ZERO, "nothing is published while connecting");
    assert_eq!(steady.acts[0].publish[0], (Rate::per_second(1.0), Arrivals::Uniform));
    assert_eq!(plan.thresholds.len(), 2);
    assert_eq!(plan.validity[0].text, "p(99) < 50ms");
    assert_eq!(plan.groups[1].first_device, 1000);
    assert_eq!((plan.group_of(999), plan.group_of(1000)), (0, 1));
    let estimate = Estimate::of(&plan);
    assert_eq!(estimate.connections, 1001);
    assert_eq!(estimate.phases[1].publish, Rate::per_second(1000.0));
    assert_eq!(estimate.phases[1].deliver, Rate::per_second(1000.0));
}

#[test]
fn a_rate_in_a_phase_is_of_the_whole_group() {
    let text = SMALL.replace("phases: [{name: steady, duration: 30s}]", "phases:\n  - {name: steady, duration: 1s, sensors: {telemetry: {rate: 500/s, arrivals: poisson}}}\n  - {name: more, duration: 1s, sensors: {telemetry: keep}}\n  - {name: less, duration: 1s, sensors: {telemetry: off}}");
    let plan = plan(&text);
    let acts: Vec<_> = plan.phases.iter().map(|phase| phase.acts[0].publish[0]).collect();
    assert_eq!(acts[1], (Rate::per_second(0.5), Arrivals::Poisson));
    assert_eq!(acts[2], acts[1]);
    assert_eq!(acts[3].0, Rate::ZERO);
}

#[test]
fn groups_that_phases_connect_have_no_phase_of_their_own_for_it() {
    let text = SMALL.replace(
        "phases: [",
        "phases: [{name: subscribers, backend: {connect: {rate: 10/s}}, until: backend.subscribed == 100%}, ",
    );
    let plan = plan(&text);
    let names: Vec<_> = plan.phases.iter().map(|phase| phase.name.as_str()).collect();
    assert_eq!(names, ["connect", "subscribers", "steady"]);
    assert!(plan.phases[0].acts[0].connect.is_some());
    assert!(plan.phases[0].acts[1].connect.is_none());
}

#[test]
fn variables_come_from_the_file_then_the_environment_then_the_caller() {
    let text = "vars: {n: 10, rate: 100}\nenvironments: {ci: {vars: {n: 5, rate: 50}}}\n".to_owned()
        + &SMALL.replace("count: 1000", "count: \"{{n}}\"").replace("rate: 1/s", "rate: \"{{rate / n}}/s\"");
    let seen = |overrides: &Overrides| {
        let plan = Scenario::parse("s.yaml", &text, overrides).expect("a plan");
        (plan.groups[0].count, plan.groups[0].publish[0].rate.as_per_second())
    };
    let mut overrides = Overrides::default();
    assert_eq!(seen(&overrides), (10, 10.0));
    overrides.environment = Some("ci".to_owned());
    assert_eq!(seen(&overrides), (5, 10.0));
    overrides.vars.push(("n".to_owned(), "2".to_owned()));
    assert_eq!(seen(&overrides), (2, 25.0));
}

#[test]
fn overrides_that_fit_nothing_are_problems() {
    let overrides = Overrides {
        vars: vec![("cuont".to_owned(), "5".to_owned())],
        environment: Some("cl".to_owned()),
        broker: Some("mqt://b".to_owned()),
        ..Overrides::default()
    };
    let text = "vars: {count: 1}\nenvironments: {ci: {}}\n".to_owned() + SMALL;
    let problems = Scenario::parse("s.yaml", &text, &overrides).expect_err("three problems");
    let nearest: Vec<_> = problems.list.iter().map(|problem| problem.nearest.as_deref()).collect();
    assert_eq!(nearest, [Some("ci"), Some("count"), Some("mqtt")]);
}

#[test]
fn the_brokers_url_can_be_overridden() {
    let overrides = Overrides { broker: Some("mqtt://b2:1999".to_owned()), ..Overrides::default() };
    let text = "target: {brokers: [\"mqtt://b1\"], connect_timeout: 2s}\n".to_owned() + SMALL;
    let plan = Scenario::parse("s.yaml", &text, &overrides).expect("a plan");
    assert_eq!((plan.target.brokers[0].host.as_str(), plan.target.connect_timeout.as_secs()), ("b2", 2));
}

#[test]
fn all_problems_are_reported_at_once_with_their_places() {
    let text = r#"name: wrong
vars: {devices: 10}
sede: 1
groups:
  sensors:
    count: "{{device}}"
    client_id: "dev"
    keep_alive: 60
    protocol: 6
    publish:
      telemetry: {topic: "fleet/+/data", qos: 3, rate: 10}
      status: {topic: "s/{{client_id + 1}}", payload: {size: 8}, rate: 1/s}
    publish: {}
  backend:
    count: 1
    subscribe: ["fleet/a+/data", {filtre: x}]
    consume: {delay: 1s}
phases:
  - {name: steady, durration: 30s}
thresholds: {delivery_latncy: ["p(99) < 50ms"]}
"#;
    insta::assert_snapshot!(problems(text).to_string());
}

#[test]
fn problems_of_phases_point_at_names_and_conditions() {
    let text = r#"
groups:
  sensors: {count: 10, publish: {telemetry: {topic: t, rate: 1/s}}}
phases:
  - {name: one, sensor: {telemetry: {rate: 5/s}}, duration: 1s}
  - {name: one, sensors: {telemtry: {rate: 5/s}, storm: off, churn: {rate: 1/s}}, duration: 1s}
  - {name: two, sensors: {connect: {rate: {from: 1/s, too: 2/s}}}, until: "sensors.conected == 100%"}
  - {name: three, duration: 5, until: "inflight == 0"}
  - {name: four}
thresholds:
  "delivery_latency{phase:six}": "p(99) < 50ms"
  puback_latency: ["p(99) > ", "p99 < 5ms", {threshold: "max < 1s", after: 5s}]
"#;
    insta::assert_snapshot!(problems(text).to_string());
}

#[test]
fn keys_of_later_versions_are_refused_not_ignored() {
    let text = with_group("    auth: {}\n")
        + "data: {}\nbaseline: {}\noutputs: {write: [summary.json]}\ntarget: {brokers: [\"mqtts://b\"], broker_metrics: {}}\n";
    assert_eq!(
        list(&text),
        [
            "5:5: `auth` is not supported yet",
            "8:1: `data` is not supported yet",
            "9:1: `baseline` is not supported yet",
            "10:11: `write` is not supported yet",
            "11:34: `broker_metrics` is not supported yet",
        ]
    );
}

#[test]
fn what_needs_version_5_says_so() {
    let text = with_group(
        "    connect_properties: {receive_maximum: 0}\n    will: {topic: w, delay: 5s}\n    publish: {p: {topic: t, rate: 1/s, payload: {text: x, stamp: user-property}}}",
    );
    assert_eq!(
        list(&text),
        [
            "5:25: MQTT 3.1.1 has no properties",
            "5:43: `receive_maximum` is at least 1",
            "6:29: MQTT 3.1.1 has no properties",
            "7:66: MQTT 3.1.1 has no user properties",
        ]
    );
}

#[test]
fn what_is_sent_in_seconds_is_whole_seconds() {
    for (text, says) in [
        ("keep_alive: 500ms", Some("`keep_alive` is sent in whole seconds, 0s to 65535s")),
        ("keep_alive: 1500ms", Some("`keep_alive` is sent in whole seconds, 0s to 65535s")),
        ("keep_alive: 65536s", Some("`keep_alive` is sent in whole seconds, 0s to 65535s")),
        ("keep_alive: 2000ms", None),
        ("keep_alive: 65535s", None),
        ("keep_alive: 0", None),
    ] {
        let text = with_group(&format!("    {text}"));
        match says {
            Some(says) => assert_eq!(list(&text), [format!("5:17: {says}")]),
            None => drop(plan(&text)),
        }
    }
    let fractions = with_group(
        "    protocol: 5\n    connect_properties: {session_expiry: 500ms}\n    will: {topic: w, delay: 1500ms}\n    \
         publish: {p: {topic: t, rate: 1/s, properties: {message_expiry: 1ms}}}",
    );
    assert_eq!(list(&fractions).len(), 3);
}

#[test]
fn a_list_that_never_publishes_is_a_mistake() {
    assert_eq!(list(&with_group("    publish: {quiet: {topic: t}}")), ["5:22: `g.quiet` never publishes"]);
}

#[test]
fn columns_count_within_quoted_and_folded_text() {
    let text = with_group(
        "    publish:\n      p:\n        rate: 1/s\n        topic: t\n        payload:\n          template: |\n            {\"a\": 1,\n             \"b\": {{sqe}}}\n",
    );
    assert_eq!(list(&text), ["12:21: unknown name `sqe`"]);
}

#[test]
fn a_text_that_is_no_yaml_is_one_problem() {
    assert_eq!(list("groups: [").len(), 1);
    assert_eq!(list(""), ["1:1: `groups` is missing", "1:1: `phases` is missing"]);
    assert_eq!(list("- a"), ["1:1: expected a scenario, found a list"]);
    assert_eq!(list("a: 1\n---\nb: 2\n"), ["2:1: there is a second document in it, and a scenario is one"]);
    assert_eq!(
        list("a: 1\na: 2\ngroups: {}\nphases: []\n").iter().filter(|p| p.contains("stands twice")).count(),
        1
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    assert_eq!(plan(&format!("\u{feff}{SMALL}")).name, "smoke");
    assert_eq!(plan(&format!("\u{feff}{}", SMALL.trim_start())).name, "smoke");
    assert_eq!(list(&format!("\u{feff}{}", with_group("    x: 1")))[0], "5:5: unknown key `x`");
    assert_eq!(list("\u{feff}- a"), ["1:1: expected a scenario, found a list"]);
}

#[test]
fn anchors_and_aliases_are_followed() {
    let plan =
        plan("groups:\n  a: &a {count: 1, subscribe: x}\n  b: *a\nphases: [{name: p, duration: 1s}]\n");
    assert_eq!(plan.groups[1].subscribe.len(), 1);
    // Also where they stand before what is neither a list nor a mapping.
    let counts = self::plan(
        "groups:\n  a: {count: &n 5, subscribe: x}\n  b: {count: *n, subscribe: x}\n  c: {count: &m !!int  7, subscribe: x}
phases: [{name: p, duration: 1s}]\n",
    );
    assert_eq!(counts.groups.iter().map(|group| group.count).collect::<Vec<_>>(), [5, 5, 7]);
}

#[test]
fn stamps_follow_the_payload() {
    let stamp = |payload: &str| {
        let text = with_group(&format!("    publish: {{p: {{topic: t, rate: 1/s, payload: {payload}}}}}"));
        plan(&text).groups[0].publish[0].stamp
    };
    assert_eq!(stamp("{size: 64}"), Stamp::Prefix);
    assert_eq!(stamp("{text: hello}"), Stamp::Prefix);
    assert_eq!(stamp("{template: '{\"seq\": {{seq}}}'}"), Stamp::Json);
    assert_eq!(stamp("{size: 4, stamp: none}"), Stamp::None);
}

#[test]
fn a_file_that_is_not_there_is_a_problem() {
    let problems =
        Scenario::load(Path::new("no/such.yaml"), &Overrides::default()).expect_err("no such file");
    assert!(problems.to_string().contains("no/such.yaml: cannot be read"), "{problems}");
}

#[test]
fn shipped_scenarios_are_plans() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            seen += 1;
            if let Err(problems) = Scenario::load(&path, &Overrides::default()) {
                panic!("{problems}");
            }
        }
    }
    assert!(seen >= 3, "only {seen} scenarios");
}

/// Every key of `target` and `reconnect`, each wrong in its own way.
#[test]
fn problems_of_transports_point_at_their_keys() {
    let text = r#"target:
  brokers: ["mqtts://b1", "wsss://b2", "mqtt://b3/x"]
  pick: robin
  connect_timeout: 0s
  source_ips: ["127.0.0.9-127.0.0.2"]
  websocket:
    headers: {Host: x, "a b": y, Sec-WebSocket-Protocol: z, Token: "{{env.NOT_THERE}}"}
    subprotocol: "a b"
    deflate: maybe
    header: {}
  tls:
    ca: not-there.pem
    server_name: "not a name"
    insecure: true
    resume: true
    client: {cert: not-there.pem, key: not-there.key, password: x}
groups:
  g:
    count: 1
    subscribe: a
    reconnect: {backoff: expo, min: 0s, max: 0s, jitter: ful, tries: 3}
phases: [{name: p, duration: 1s}]
"#;
    insta::assert_snapshot!(problems(text).to_string());
}

#[test]
fn settings_of_transports_that_no_broker_has_do_nothing_and_are_refused() {
    let text = "target: {brokers: \"mqtt://b\", websocket: {deflate: true}, tls: {insecure: true}}\n"
        .to_owned()
        + SMALL;
    assert_eq!(
        list(&text),
        [
            "1:42: `websocket` does nothing: no broker is at ws:// or wss://",
            "1:64: `tls` does nothing: no broker is at mqtts:// or wss://",
        ]
    );
    // Another broker from the command line may make use of them, or not.
    let overrides = Overrides { broker: Some("mqtt://b2".to_owned()), ..Overrides::default() };
    assert!(Scenario::parse("s.yaml", &text, &overrides).is_ok());
}

#[test]
fn issue_from_names_what_is_missing() {
    let tls = "target: {brokers: \"mqtts://b\", tls: {client: {issue_from: {ca: x.pem}, cert: y}}}\n";
    let found = list(&(tls.to_owned() + SMALL));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("`key` is missing"), "{found:?}");
    assert!(found[1].contains("`cert` does nothing beside `issue_from`"), "{found:?}");
}
