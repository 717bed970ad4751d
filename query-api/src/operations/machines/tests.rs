//! What is read of a text, and that no line is passed over.

use proptest::prelude::*;

use super::*;

/// `line ip name role user port group =duplicate` of each row, then `line! field` of each fault.
fn told(text: &str, format: Option<Format>) -> (Format, Vec<String>) {
    told_of(text, format, false)
}

fn told_of(text: &str, format: Option<Format>, nodes: bool) -> (Format, Vec<String>) {
    let parsed = parse(text, format, nodes);
    let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".into());
    let rows = parsed.rows.iter().map(|row| {
        let port = row.port.map_or("-".into(), |port| port.to_string());
        let twice = row.duplicate_of.map_or(String::new(), |line| format!(" ={line}"));
        let (name, role, user, group) = (word(&row.name), word(&row.role), word(&row.user), word(&row.group));
        format!("{} {} {name} {role} {user} {port} {group}{twice}", row.line, row.ip)
    });
    (parsed.format, rows.chain(parsed.faults.iter().map(|fault| format!("{}! {}", fault.line, fault.field))).collect())
}

#[test]
fn pasted_lines_are_read() {
    for (line, expected) in [
        ("10.0.0.11", "1 10.0.0.11 - - - - -"),
        ("10.0.0.11 node-11 Compute admin", "1 10.0.0.11 node-11 Compute admin - -"),
        ("10.0.0.11, node-11", "1 10.0.0.11 node-11 - - - -"),
        ("admin@10.0.0.11:2222", "1 10.0.0.11 - - admin 2222 -"),
        ("10.0.0.11\trole=Compute user=admin # spare", "1 10.0.0.11 - Compute admin - -"),
        ("[fd00::11]:2222", "1 fd00::11 - - - 2222 -"),
        ("fd00::11", "1 fd00::11 - - - - -"),
        ("10.0.0.300", "1! ip"),
        ("node-11", "1! ip"),
        ("10.0.0.11 Node_11", "1! name"),
        ("10.0.0.11 a b c d", "1! line"),
        ("10.0.0.11 colour=red", "1! line"),
        ("10.0.0.11 name=a name=b", "1! line"),
        ("10.0.0.11:0", "1! port"),
        ("10.0.0.11:70000", "1! port"),
        ("10.0.0.11 user=a/b", "1! user"),
    ] {
        assert_eq!(told(line, Some(Format::Lines)).1, [expected], "{line}");
    }
    let text = "# rack 3\n10.0.0.1\n\n10.0.0.2\r\n10.0.0.1\n10.0.0.1\n";
    let expected =
        ["2 10.0.0.1 - - - - -", "4 10.0.0.2 - - - - -", "5 10.0.0.1 - - - - - =2", "6 10.0.0.1 - - - - - =2"];
    assert_eq!(told(text, None), (Format::Lines, expected.map(str::to_owned).to_vec()));
}

#[test]
fn the_name_of_a_node_stands_for_its_address() {
    for (line, expected) in [
        ("10.0.0.12 node-11", "1 10.0.0.12 node-11 - - - -"),
        ("node-12", "1  node-12 - - - -"),
        ("admin@node-12:2222 role=Compute", "1  node-12 Compute admin 2222 -"),
        ("10.0.0.300", "1! ip"),
        ("Node_12", "1! ip"),
        ("node-12 node-13", "1! ip"),
    ] {
        assert_eq!(told_of(line, Some(Format::Lines), true).1, [expected], "{line}");
    }
    let twice = ["1  node-12 - - - -", "2  node-12 - - - - =1"];
    assert_eq!(told_of("node-12\nnode-12", None, true).1, twice);
    assert_eq!(told_of("[w]\nnode-11\n", None, true).1, ["2  node-11 - - - w"]);
}

#[test]
fn a_row_with_an_address_and_a_name_is_known_by_both() {
    let twice = ["1 10.0.0.7 worker-7 - - - -", "2  worker-7 - - - - =1", "3 10.0.0.7 - - - - - =1"];
    assert_eq!(told_of("10.0.0.7 worker-7\nworker-7\n10.0.0.7", None, true).1, twice);
    let twice = ["1  worker-7 - - - -", "2 10.0.0.7 worker-7 - - - - =1"];
    assert_eq!(told_of("worker-7\n10.0.0.7 worker-7", None, true).1, twice);
}

#[test]
fn csv_is_read_by_its_header() {
    let text = "Host Name;IP;Role;User\nx;10.0.0.1;Compute;admin\n";
    assert_eq!(told(text, None).1, ["2 10.0.0.1 - Compute admin - -"], "a column of another name is left alone");
    let text = "ip,hostname,role,port\n10.0.0.1,\"n1\",,22\n10.0.0.2,n2\n10.0.0.3,\"a\"\"b\n,n4\n1,2,3,4,5\n";
    let expected = ["2 10.0.0.1 n1 - - 22 -", "3 10.0.0.2 n2 - - - -", "4! line", "5! ip", "6! line"];
    assert_eq!(told(text, None), (Format::Csv, expected.map(str::to_owned).to_vec()));
    assert_eq!(told("a,b\n10.0.0.1,x", Some(Format::Csv)).1, ["1! header", "2! ip"]);
}

#[test]
fn an_ini_inventory_is_read_with_groups_ranges_and_variables() {
    let text = "\
node1 ansible_host=10.0.0.1 ansible_user=root

[workers]
node1
node2 ansible_host=10.0.0.2 ansible_port=2222 role=Compute  # spare
10.0.1.[08:10]
10.0.1.9
node3
node4 loose
[workers:vars]
ansible_user='admin'
nonsense
[site:children]
workers
[site:vars]
ansible_ssh_port=2022
[x:y]
";
    let expected = [
        "1 10.0.0.1 node1 - root 2022 workers",
        "5 10.0.0.2 node2 Compute admin 2222 workers",
        "7 10.0.1.9 - - admin 2022 workers",
        "6! ip",
        "8! ip",
        "9! line",
        "12! vars",
        "17! section",
    ];
    assert_eq!(told(text, None), (Format::Ini, expected.map(str::to_owned).to_vec()));
    let ranges = told("[w]\n10.0.1.[8:10]\n10.0.1.9\n", None).1;
    assert_eq!(
        ranges,
        ["2 10.0.1.8 - - - - w", "2 10.0.1.9 - - - - w", "2 10.0.1.10 - - - - w", "3 10.0.1.9 - - - - w =2"]
    );
    assert_eq!(told("[w]\nnode[1:99999999999]\nn[5:2]\n", None).1, ["2! ip", "3! ip"]);
}

#[test]
fn a_comment_may_stand_behind_a_heading_and_behind_a_group() {
    let text = "\
[workers] # rack 3
node1 ansible_host=10.0.0.1
[workers:vars]# theirs
ansible_user=admin
[site:children]
workers # all of them
[site:vars]
ansible_port=2222
";
    assert_eq!(told_of(text, None, true).1, ["2 10.0.0.1 node1 - admin 2222 workers"]);
    let wrong = "[two words]\nnode1\n[\"10.0.0.1\", \"10.0.0.2\"]\n[w:children]\na b\n[a]b]\n[w] ; rack 3\n";
    let expected = ["1! section", "2! ip", "3! section", "5! children", "6! children", "7! children"];
    assert_eq!(told(wrong, Some(Format::Ini)).1, expected);
    assert_eq!(told("[fd00::1] # no heading\n[w]\n", None).1, ["1 fd00::1 - - - - -"]);
}

#[test]
fn what_is_nearer_counts_more_and_a_circle_of_groups_ends() {
    let text = "\
[inner]
10.0.0.1
10.0.0.2 user=own
[outer:children]
inner
[outer:vars]
user=outer
role=outer
[all:vars]
role=all
port=2022
[a:children]
b
[b:children]
a
[b]
10.0.0.3
[b:vars]
ansible_ssh_user=old
user=new
";
    let expected =
        ["2 10.0.0.1 - outer outer 2022 inner", "3 10.0.0.2 - outer own 2022 inner", "17 10.0.0.3 - all old 2022 b"];
    assert_eq!(told(text, None).1, expected);
}

#[test]
fn a_yaml_inventory_is_read_with_groups_and_variables() {
    let text = "\
all:
  vars: {ansible_user: admin}
  hosts:
    node1:
      ansible_host: 10.0.0.1
  children:
    workers:
      vars:
        ansible_port: 2222
      hosts:
        node1:
        node2: {ansible_host: 10.0.0.2, ansible_user: root}
        10.0.0.3:
        node4:
";
    let expected = [
        "4 10.0.0.1 node1 - admin 2222 workers",
        "12 10.0.0.2 node2 - root 2222 workers",
        "13 10.0.0.3 - - admin 2222 workers",
        "14! ip",
    ];
    assert_eq!(told(text, None), (Format::Yaml, expected.map(str::to_owned).to_vec()));
    let manifest = "- {ip: 10.0.0.11, role: Compute, user: admin}\n- 10.0.0.12\n- {name: 10.0.0.13}\n";
    let expected = ["1 10.0.0.11 - Compute admin - -", "2 10.0.0.12 - - - - -", "3 10.0.0.13 - - - - -"];
    assert_eq!(told(manifest, None).1, expected);
    assert_eq!(told("all:\n  hosts: [\n", None).1.len(), 1);
    assert_eq!(told("all: 7\n", Some(Format::Yaml)).1, ["1! group"]);
}

#[test]
fn what_is_no_inventory_is_an_error_where_it_stands() {
    for (text, expected) in [
        ("all:\n  hosts:\n    - 10.0.0.1\n    - 10.0.0.2\n", &["2! hosts"][..]),
        ("all:\n  children: [w]\nw: {hosts: {10.0.0.1: }}\n", &["3 10.0.0.1 - - - - w", "2! children"]),
        ("all:\n  host:\n    10.0.0.1:\n", &["2! group"]),
        (
            "all:\n  vars: [a]\n  hosts:\n    10.0.0.1: {}\n    10.0.0.2: here\n",
            &["4 10.0.0.1 - - - - -", "2! vars", "5! vars"],
        ),
        ("all:\n  hosts: 10.0.0.1\n  children: w\n", &["2 10.0.0.1 - - - - -"]),
        ("{\"w\": {\"hosts\": [\"10.0.0.1\"]}, \"_meta\": {\"hostvars\": {}}}", &["1! hosts"]),
        ("all:\n  hosts:\n    10.0.0.1:\n    10.0.0.1:\n", &["3! line"]),
    ] {
        assert_eq!(told(text, Some(Format::Yaml)).1, expected, "{text}");
    }
}

#[test]
fn a_host_of_yaml_stands_in_its_own_line() {
    let text = "\
all:
  children:
    node1:
      hosts:
        # node1:
        node1: {ansible_host: 10.0.0.1, peer: node11}
        node11: {ansible_host: 10.0.0.11}
        \"node2\": &two {ansible_host: 10.0.0.2}
    again:
      hosts: {node3: *two, node2: , 10.0.0.4: }
      vars: {ansible_user: !unsafe admin}
";
    let expected = [
        "6 10.0.0.1 node1 - - - node1",
        "7 10.0.0.11 node11 - - - node1",
        "8 10.0.0.2 node2 - admin - node1",
        "10 10.0.0.2 node3 - admin - again =8",
        "10 10.0.0.4 - - admin - again",
    ];
    assert_eq!(told(text, None).1, expected);
}

/// What a reader keeps of a text, in machines and errors.
fn kept(text: &str, format: Format) -> (usize, usize) {
    let lines: Vec<&str> = text.lines().collect();
    let found = if format == Format::Ini { ini::read(&lines) } else { yaml::read(&lines) };
    (found.drafts.len(), found.faults.len())
}

#[test]
fn a_short_text_does_not_become_a_hundred_million_machines() {
    assert_eq!(kept(&"a[1:5000]\n".repeat(20_000), Format::Ini), (50_000, 19_990));
    let parsed = parse(&"a[1:5000] ansible_host=10.0.0.1\n".repeat(20_000), None, true);
    assert_eq!(
        (parsed.rows.len(), parsed.faults.len(), &*parsed.faults[0].allowed),
        (5000, 19_999, "5000 machines at most")
    );
    let groups: String = (0..9000).map(|group| format!("[g{group}]\na[1:5000]\n")).collect();
    assert_eq!(kept(&groups, Format::Ini), (5000, 8990), "one machine, however often it is named");
    let long = "x".repeat(100_000);
    assert_eq!(kept(&format!("{long}[1:5000]\n[{long}]\n"), Format::Ini), (0, 2));
}

#[test]
fn what_is_said_of_many_machines_is_kept_once_and_short() {
    let long = "x".repeat(100_000);
    for text in [format!("a[1:5000] user={long} note={long}\n"), format!("[w]\na[1:5000]\n[w:vars]\nuser={long}\n")] {
        let found = ini::read(&text.lines().collect::<Vec<_>>());
        assert_eq!(found.drafts.len(), 5000);
        assert!(found.drafts.iter().all(|draft| draft.user.as_ref().is_some_and(|user| user.len() == 254)));
    }
    assert_eq!(told(&format!("10.0.0.1 user={long}\n[w]\n"), None).1, ["1! user"]);
    // Groups of groups of groups: each is settled once.
    let chain: String = (0..9000).map(|group| format!("[g{}:children]\ng{group}\n", group + 1)).collect();
    let text = format!("[g0]\n10.0.0.[1:250]\n{chain}[g9000:vars]\nuser=far\n");
    let parsed = parse(&text, None, false);
    assert!(parsed.rows.len() == 250 && parsed.rows.iter().all(|row| row.user.as_deref() == Some("far")));
}

#[test]
fn what_aliases_repeat_is_counted() {
    let hosts: String = (0..2000).map(|host| format!("n{host}: , ")).collect();
    let groups: String = (0..10_000).map(|group| format!("g{group}: *one\n")).collect();
    let text = format!("one: &one {{hosts: {{{hosts}}}}}\n{groups}");
    let parsed = parse(&text, Some(Format::Yaml), false);
    assert!(parsed.rows.is_empty() && parsed.faults.len() == 1, "{:?}", parsed.faults);
    assert!(parsed.faults[0].allowed.contains("with what aliases repeat"), "{}", parsed.faults[0].allowed);
    let many: String = (0..60_000).map(|host| format!("n{host}: ")).collect::<Vec<_>>().join(", ");
    assert_eq!(kept(&format!("all: {{hosts: {{{many}}}}}\n"), Format::Yaml), (50_000, 1));
    assert_eq!(kept(&format!("[{}]\n", "a, ".repeat(60_000)), Format::Yaml), (50_000, 1));
}

#[test]
fn more_than_allowed_is_an_error() {
    let many: Vec<String> =
        (0..6000).map(|n| format!("10.{}.{}.{} n{n} Compute admin", n / 65536, n / 256 % 256, n % 256)).collect();
    let parsed = parse(&many.join("\n"), None, false);
    assert_eq!((parsed.rows.len(), parsed.faults.len(), parsed.faults[0].line), (5000, 1000, 5001));
    let parsed = parse(&"\n".repeat(30_000), None, false);
    assert_eq!((parsed.lines, parsed.faults.len(), parsed.faults[0].field), (30_000, 1, "text"));
    assert_eq!(parse(&many[..2000].join("\n"), None, false).rows.len(), 2000);
}

/// Lines that look like something.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("# a comment".to_owned()),
        Just("[group:vars]".to_owned()),
        "\\[[a-z ]{1,3}(:vars|:children|:hosts)?\\]( ?# [a-z]{0,3})?",
        "  hosts:( \\[?10\\.0\\.0\\.[0-9]\\]?)?",
        Just("all:".to_owned()),
        Just("ip,name,role".to_owned()),
        "10\\.0\\.[0-9]\\.[0-9]{1,3}( [a-z]{1,3}){0,4}",
        "[a-z@:.=\"',\\[\\]{}#0-9 -]{0,24}",
        ".{0,16}",
    ]
}

proptest! {
    #[test]
    fn every_line_is_a_row_an_error_or_left_out_on_purpose(
        lines in prop::collection::vec(line(), 0..30),
        format in prop::option::of(prop::sample::select(Format::ALL.to_vec())),
    ) {
        let text = lines.join("\n");
        let parsed = parse(&text, format, false);
        let all: Vec<&str> = text.strip_prefix('\u{feff}').unwrap_or(&text).lines().collect();
        prop_assert_eq!(parsed.lines, all.len());
        let known: std::collections::BTreeSet<usize> = parsed.rows.iter().map(|row| row.line).chain(parsed.faults.iter().map(|fault| fault.line)).collect();
        prop_assert!(known.iter().all(|line| (1..=all.len().max(1)).contains(line)), "{:?}", known);
        prop_assert!(parsed.rows.iter().all(|row| row.ip.parse::<std::net::IpAddr>().is_ok()));
        prop_assert!(parsed.faults.windows(2).all(|pair| pair[0].line < pair[1].line));
        // Of pasted lines and CSV nothing but comments and the header may be left out.
        let header = usize::from(parsed.format == Format::Csv);
        let full: Vec<usize> = (1..=all.len()).filter(|line| !is_comment(all[line - 1].trim())).skip(header).collect();
        if matches!(parsed.format, Format::Lines | Format::Csv) {
            prop_assert!(full.iter().all(|line| known.contains(line)), "{:?} of {:?}", known, full);
        }
        // Of an inventory as INI it is headings, what stands below those for variables and groups, and who is named again.
        let (mut is_host, mut has_ranges, mut named) = (true, false, std::collections::BTreeSet::new());
        for line in full.iter().filter(|_| parsed.format == Format::Ini) {
            let stands = all[line - 1].trim();
            if let Some(inside) = section(stands) {
                is_host = known.contains(line) || !inside.contains(":vars") && !inside.contains(":children");
                continue;
            }
            has_ranges |= stands.contains('[');
            let host = stands.replace(['"', '\''], "").split_whitespace().next().map(str::to_owned);
            let is_again = !named.insert(host) || has_ranges;
            prop_assert!(!is_host || is_again || known.contains(line), "{}: {:?}", line, stands);
        }
    }
}
