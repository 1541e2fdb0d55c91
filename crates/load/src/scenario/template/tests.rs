use rand::SeedableRng;

use super::*;

fn vars() -> Vars {
    let values = [
        ("rate".to_owned(), Value::Whole(4000)),
        ("share".to_owned(), Value::Real(0.25)),
        ("site".to_owned(), Value::Text("hall".to_owned())),
    ];
    Vars {
        values: values.into_iter().collect(),
        environment: [("TOKEN".to_owned(), "t0k".to_owned())].into_iter().collect(),
    }
}

fn moment() -> Moment<'static> {
    Moment {
        client_id: "sensors-7",
        i: 7,
        group: "sensors",
        seq: 3,
        now_ns: 1_700_000_000_123_456_789,
        random: SmallRng::seed_from_u64(1),
    }
}

fn render(text: &str) -> String {
    Template::compile(text, Scope::Message, &vars()).expect("compiles").to_text(&mut moment())
}

fn fault(text: &str, scope: Scope) -> (Range<usize>, String) {
    let fault = Template::compile(text, scope, &vars()).expect_err("must not compile").remove(0);
    (fault.span, fault.problem.message)
}

#[test]
fn names_and_padding() {
    assert_eq!(render("fleet/{{client_id}}/{{ i:06 }}"), "fleet/sensors-7/000007");
    assert_eq!(
        render("{{group}} {{seq}} {{now_ms}} {{now_ns}}"),
        "sensors 3 1700000000123 1700000000123456789"
    );
    assert_eq!(render("{{i + 250:04x}}"), "0101");
    assert_eq!(render("{{site}}-{{env.TOKEN}}"), "hall-t0k");
}

#[test]
fn arithmetic_binds_as_usual_and_stays_whole_where_it_can() {
    assert_eq!(render("{{rate / 4}}"), "1000");
    assert_eq!(render("{{1 + 2 * 3 - (4 - 1)}}"), "4");
    assert_eq!(render("{{7 / 2}} {{7 % 4}} {{-i % 4}}"), "3.5 3 1");
    assert_eq!(render("{{rate * share:.2}}"), "1000.00");
}

#[test]
fn what_is_known_beforehand_is_folded_into_the_text() {
    let template = Template::compile("{{rate / 4}}/s of {{site}}", Scope::Plan, &vars()).expect("compiles");
    assert_eq!(template.constant(), "1000/s of hall");
    assert_eq!(template.scope(), Scope::Plan);
}

#[test]
fn scope_is_the_widest_name_used() {
    let scope = |text| Template::compile(text, Scope::Message, &vars()).expect("compiles").scope();
    assert_eq!(scope("plain"), Scope::Plan);
    assert_eq!(scope("{{i}}"), Scope::Identity);
    assert_eq!(scope("{{client_id}}"), Scope::Device);
    assert_eq!(scope("{{seq + 1}}"), Scope::Message);
}

#[test]
fn random_values_stay_in_range_and_repeat_with_the_seed() {
    let template = Template::compile("{{random(5, 9)}}", Scope::Message, &vars()).expect("compiles");
    let mut seen = std::collections::BTreeSet::new();
    let mut moment = moment();
    for _ in 0..200 {
        seen.insert(template.to_text(&mut moment));
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["5", "6", "7", "8", "9"]);
    assert_eq!(
        render("{{uuid}} {{hex(8)}} {{normal(0, 1)}}"),
        render("{{uuid}} {{hex(8)}} {{normal(0, 1)}}")
    );
}

#[test]
fn hex_and_bytes_have_the_length_asked_for() {
    assert_eq!(render("{{hex(37)}}").len(), 37);
    let mut out = Vec::new();
    Template::compile("{{bytes(33)}}", Scope::Message, &vars())
        .expect("compiles")
        .render(&mut moment(), &mut out);
    assert_eq!(out.len(), 33);
}

#[test]
fn choices_are_texts_or_numbers() {
    assert!(["a", "b"].contains(&render("{{choice('a', \"b\")}}").as_str()));
    assert!(["2", "3"].contains(&render("{{choice(1, 2) + 1}}").as_str()));
    assert_eq!(render("{{chance(1)}} {{chance(0)}}"), "true false");
}

#[test]
fn closing_braces_within_quotes_do_not_close() {
    assert_eq!(render("{{choice('}}')}}"), "}}");
}

#[test]
fn faults_point_at_their_bytes() {
    assert_eq!(fault("ab{{clent_id}}", Scope::Message), (4..12, "unknown name `clent_id`".to_owned()));
    assert_eq!(fault("{{client_id + 1}}", Scope::Message).0, 12..13);
    assert_eq!(fault("{{1 / 0}}", Scope::Message).1, "division by zero");
    assert_eq!(fault("{{i", Scope::Message).1, "`{{` without its `}}`");
    assert_eq!(fault("{{i:6q}}", Scope::Message), (4..6, "bad format `6q`".to_owned()));
    assert_eq!(fault("{{seq}}", Scope::Device).1, "`seq` is not known here");
    assert_eq!(
        fault("{{random(1, 2)}}", Scope::Plan).1,
        "`random()` gives a value for each device or message"
    );
    assert_eq!(fault("{{walk(1,2,3)}}", Scope::Message).1, "`walk()` is not supported yet");
    assert_eq!(fault("{{env.NOPE}}", Scope::Plan).1, "environment variable `NOPE` is not set");
    assert_eq!(fault("{{}}", Scope::Plan).1, "expected a name, a number or a text");
    assert_eq!(fault("{{i i}}", Scope::Message).1, "expected an operator or `}}`");
}

#[test]
fn all_faults_of_a_text_are_found() {
    let faults = Template::compile("{{a}} {{b}}", Scope::Message, &Vars::default()).expect_err("two faults");
    assert_eq!(faults.len(), 2);
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    let deep = format!("{{{{{}1{}}}}}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(fault(&deep, Scope::Message).1, "nested too deeply");
    let minus = format!("{{{{{}1}}}}", "-".repeat(10_000));
    assert_eq!(fault(&minus, Scope::Message).1, "nested too deeply");
}

#[test]
fn text_without_placeholders_is_itself() {
    assert_eq!(render(""), "");
    assert_eq!(render("{\"a\": {\"b\": 1}}"), "{\"a\": {\"b\": 1}}");
}

#[test]
fn whole_numbers_are_as_the_standard_library_writes_them() {
    for n in [0, 7, -7, 10, 99_999, -100_000, i64::MAX, i64::MIN] {
        for width in [0, 1, 6, 30] {
            let mut out = Vec::new();
            decimal(n, width, &mut out);
            assert_eq!(String::from_utf8(out).expect("digits"), format!("{n:0width$}"));
        }
    }
}
