//! What may be typed, and what is refused.

use clap::{CommandFactory, Parser, error::ErrorKind};

use super::*;
use crate::args::clients::Output;

fn parse(line: &str) -> Result<Command, clap::Error> {
    Cli::try_parse_from(std::iter::once("beidou").chain(line.split_whitespace())).map(|cli| cli.command)
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
    let Command::Engine(engine) = parse("engine --data /d --tied-to-stdin").unwrap() else { panic!("engine") };
    assert!(engine.action.is_none() && engine.role.tied_to_stdin);
    for action in ["engine install", "engine verify"] {
        assert!(matches!(parse(action), Ok(Command::Engine(roles::Engine { action: Some(_), .. }))), "{action}");
    }
    let Command::Demo(demo) = parse("demo --states 1000 --seed 7 --no-live --exit-after-seed").unwrap() else {
        panic!("demo")
    };
    assert_eq!((demo.states, demo.seed), (1000, 7));
    for line in
        ["ingest --config f", "projector --data d", "query-api --data d", "config --example", "clusters -o json"]
    {
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
        ("completion powershell", ErrorKind::InvalidValue),
        ("context use", ErrorKind::MissingRequiredArgument),
    ] {
        assert_eq!(parse(line).unwrap_err().kind(), kind, "{line}");
    }
}

#[test]
fn flags_that_set_keys_carry_their_names() {
    let Command::QueryApi(args) = parse("query-api --data /d --log-level debug --listen 127.0.0.1:1").unwrap() else {
        panic!("query-api")
    };
    let keys: Vec<_> = args.role.flags().into_iter().map(|flag| (flag.name, flag.key)).collect();
    assert_eq!(keys, [("--data", "data"), ("--log-level", "telemetry.level")]);
    assert_eq!(roles::listen_flag(args.listen.as_ref()).unwrap().key, "query_api.listen");
}
