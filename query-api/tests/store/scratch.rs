//! Scratch.
use super::world;
#[tokio::test]
async fn measure() {
    let world = world().await;
    world.engine.run("INSERT INTO kube_event (cluster_uid, cluster, epoch, event_uid, resource_version, time, observed, found_by, occurrences, occurrences_delta, type, reason, message, kind, namespace, name, node, meta_name, log_offset)
      SELECT toString(number % 3), concat('c', toString(number % 3)), 0, generateUUIDv4(), number, toDateTime64('2026-11-20 00:00:00',6,'UTC') + toIntervalMicrosecond(number * 250000), now64(6), 'watch', 1, 1, if(number%4=0,'Warning','Normal'), 'BackOff', concat('Back-off restarting failed container ', toString(number)), if(number % 10 = 0, 'Node','Pod'), if(number % 10 = 0, '', concat('ns-', toString(number % 50))), concat('pod-', toString(intHash32(number) % 20000)), concat('node-', toString(number % 300)), concat('e-', toString(number)), number FROM numbers(1000000)").await;
    let rows: Vec<String> = (0..1500).map(|n| serde_json::json!({"cluster_uid":"1","cluster":"c1","epoch":0,"state":"complete","session":uuid::Uuid::from_u128(n+1).to_string(),"from_time":format!("2026-11-{:02}T{:02}:{:02}:00Z", 20+n/720, n%720/30, n%30*2),"until_time":format!("2026-11-{:02}T{:02}:{:02}:59Z", 20+n/720, n%720/30, n%30*2+1),"reason":"timeout","log_offset":n as u64}).to_string()).collect();
    world.engine.run(&format!("INSERT INTO kube_coverage SETTINGS date_time_input_format='best_effort' FORMAT JSONEachRow\n{}", rows.join("\n"))).await;
    println!("{}", world.engine.text("SELECT count(), uniq(name) FROM kube_event").await);
    println!("{}", world.engine.text("EXPLAIN indexes=1 SELECT * FROM kube_event WHERE cluster_uid IN ['1'] AND kind='Pod' AND namespace='ns-1' AND name='pod-7' AND time >= fromUnixTimestamp64Micro(1763596800000000,'UTC') AND time < fromUnixTimestamp64Micro(1864201600000000,'UTC') ORDER BY time DESC, cluster_uid DESC LIMIT 101").await);
    for path in ["/api/v1/objects/1/Pod/ns-{n}/pod-{m}/timeline?from=2026-11-19T00:00:00Z&to=2026-11-24T00:00:00Z", "/api/v1/events?from=2026-11-19T00:00:00Z&to=2026-11-24T00:00:00Z&type=Warning", "/api/v1/events?from=2026-11-19T00:00:00Z&to=2026-11-24T00:00:00Z&text=9999", "/api/v1/clusters?from=2026-11-19T00:00:00Z&to=2026-11-24T00:00:00Z"] {
        let mut times = Vec::new();
        let mut found = 0;
        for n in 0..200u64 {
            let path = path.replace("{n}", &(n % 50).to_string()).replace("{m}", &(n * 37 % 20000).to_string());
            let begun = std::time::Instant::now();
            let list = world.api.list(&path).await;
            found += list["items"].as_array().unwrap().len();
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!("{path}\n  p50 {:.1} p99 {:.1} max {:.1} ms, {found} rows", times[100], times[197], times[199]);
    }
}
