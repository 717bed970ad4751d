//! What may be typed, and what is refused.

use clap::{CommandFactory, Parser, error::ErrorKind};

use super::*;
use crate::args::clients::Output;

fn parse(line: &str) -> Result<Command, clap::Error> {
    let words = std::iter::once("beidou").chain(line.split_whitespace()).map(Into::into);
    Cli::try_parse_from(line::spelled(words)).map(|cli| cli.command)
}

#[test]
fn a_query_line_may_begin_with_a_minus() {
    for (line, query) in [
        ("events reason:BackOff --since 1h", Some("reason:BackOff")),
        ("events -n shop -namespace:kube-system", Some(" -namespace:kube-system")),
        ("events -count>3 -n shop", Some(" -count>3")),
        ("events -- -refused", Some("-refused")),
        ("events -n shop", None),
    ] {
        let Command::Events(args) = parse(line).unwrap() else { panic!("{line}") };
        assert_eq!(args.filters.query.as_deref(), query, "{line}");
    }
    let Command::Timeline(args) = parse("timeline po/web-0 type:warning -n shop").unwrap() else { panic!("timeline") };
    assert_eq!(args.query.as_deref(), Some("type:warning"));
    assert_eq!(parse("events two words").unwrap_err().kind(), ErrorKind::UnknownArgument);
}

#[test]
fn the_definition_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn events_take_all_filters() {
    let line = "events --since 7d --until 1h --for po/web-0 -n shop -c a --cluster b --reason BackOff --type Warning \
                --node n1 --component kubelet --text image --uid u --limit 7 -o ndjson --context x --url http://h --token t";
    let Command::Events(args) = parse(line).unwrap() else { panic!("{line}") };
    assert_eq!(args.filters.object.unwrap().to_string(), "pod/web-0");
    assert_eq!((args.filters.clusters.join(","), args.limit, args.output), ("a,b".into(), 7, Output::Ndjson));
    assert_eq!(args.server.url.as_deref(), Some("http://h"));
}

#[test]
fn roles_and_actions_are_known() {
    let Command::Up(up) = parse("up --data /d --kubeconfig k --context a --context b --listen 127.0.0.1:0").unwrap()
    else {
        panic!("up")
    };
    assert_eq!(up.kubeconfig.contexts, ["a", "b"]);
    let Command::Alone(Alone::Engine(engine)) = parse("engine --data /d --tied-to-stdin").unwrap() else {
        panic!("engine")
    };
    assert!(engine.action.is_none() && engine.role.tied_to_stdin);
    for action in ["engine install", "engine verify"] {
        assert!(
            matches!(parse(action), Ok(Command::Alone(Alone::Engine(roles::Engine { action: Some(_), .. })))),
            "{action}"
        );
    }
    let Command::Demo(demo) = parse("demo --states 1000 --seed 7 --no-live --exit-after-seed").unwrap() else {
        panic!("demo")
    };
    assert_eq!((demo.states, demo.seed), (1000, 7));
    for line in [
        "ingest --config f --probe-listen 127.0.0.1:1",
        "projector --data d --probe-listen 127.0.0.1:1",
        "query-api --data d",
        "config --example",
        "clusters -o json",
    ] {
        parse(line).unwrap();
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    for (line, kind) in [
        ("", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("evnts", ErrorKind::InvalidSubcommand),
        ("events --since yesterday", ErrorKind::ValueValidation),
        ("events --for web-0", ErrorKind::ValueValidation),
        ("events --for pod/a --kind Pod", ErrorKind::ArgumentConflict),
        ("events --follow --until 1h", ErrorKind::ArgumentConflict),
        ("events --limit 0", ErrorKind::ValueValidation),
        ("events -o yaml", ErrorKind::InvalidValue),
        ("timeline", ErrorKind::MissingRequiredArgument),
        ("up --context a", ErrorKind::MissingRequiredArgument),
        ("up --kubeconfig k --context a --all-contexts", ErrorKind::ArgumentConflict),
        ("engine --data d install", ErrorKind::ArgumentConflict),
        ("demo --states 0", ErrorKind::ValueValidation),
        // These have an API, which serves the same, or nothing to probe.
        ("up --probe-listen 127.0.0.1:1", ErrorKind::UnknownArgument),
        ("query-api --probe-listen 127.0.0.1:1", ErrorKind::UnknownArgument),
        ("engine --probe-listen 127.0.0.1:1", ErrorKind::UnknownArgument),
        ("completion powershell", ErrorKind::InvalidValue),
        ("context use", ErrorKind::MissingRequiredArgument),
    ] {
        assert_eq!(parse(line).unwrap_err().kind(), kind, "{line}");
    }
}

#[test]
fn help_says_where_a_range_begins() {
    for (command, default) in [("events", "1h"), ("timeline", "7d"), ("coverage", "24h"), ("rejects", "7d")] {
        let help = parse(&format!("{command} --help")).unwrap_err().to_string();
        let words: Vec<&str> = help.split_whitespace().collect();
        let since = words.iter().position(|word| *word == "--since").unwrap();
        let until = words.iter().position(|word| *word == "--until").unwrap();
        assert!(words[since..until].join(" ").ends_with(&format!("[default: {default}]")), "{command}: {help}");
    }
}

#[test]
fn a_line_or_a_statement_is_saved() {
    for (line, fits) in [
        ("queries save a reason:BackOff", true),
        ("queries save a --sql SELECT", true),
        ("queries save a", false),
        ("queries save a reason:BackOff --sql SELECT", false),
        ("sql --saved a --since 6h", true),
        ("sql --saved a SELECT", false),
    ] {
        assert_eq!(parse(line).is_ok(), fits, "{line}");
    }
}

#[test]
fn types_are_known_in_any_case() {
    for (typed, sent) in [("warning", "Warning"), ("WARNING", "Warning"), ("normal", "Normal"), ("Odd", "Odd")] {
        let Command::Events(args) = parse(&format!("events --type {typed}")).unwrap() else { panic!("{typed}") };
        assert_eq!(args.filters.event_type.as_deref(), Some(sent));
    }
}

#[test]
fn flags_that_set_keys_carry_their_names() {
    let Command::Alone(Alone::QueryApi(args)) =
        parse("query-api --data /d --log-level debug --listen 127.0.0.1:1").unwrap()
    else {
        panic!("query-api")
    };
    let keys: Vec<_> = args.role.flags().into_iter().map(|flag| (flag.name, flag.key)).collect();
    assert_eq!(keys, [("--data", "data"), ("--log-level", "telemetry.level")]);
    assert_eq!(roles::listen_flag(args.listen.as_ref()).unwrap().key, "query_api.listen");
    let Command::Alone(Alone::Projector(args)) = parse("projector --probe-listen 127.0.0.1:1").unwrap() else {
        panic!("projector")
    };
    assert_eq!(args.probe.flag().unwrap().key, "probe.listen");
}
