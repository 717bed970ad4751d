//! The questions that are asked before and after, and their answers without what a moment or a place in time makes of them.

use serde_json::Value;
use uuid::Uuid;

use crate::site::{CLUSTERS, Site, Texts};

/// Filters of each sort: by cluster, by columns of the roll-up, by others, by text, by the query line.
const FILTERS: [&str; 6] = [
    "",
    "&cluster=cold-2",
    "&type=Warning&kind=Pod",
    "&node=node-1&reason=BackOff,Failed&text=gone%7D%201",
    "&q=type:warning%20-kind:Node%20%22it%27s%22",
    "&reason=Never",
];
/// All of it; a part that begins and ends within days; what has left the table alone.
const RANGES: [&str; 3] = [
    "from=2026-11-01T00:00:00Z&to=2026-11-24T00:00:00Z",
    "from=2026-11-19T07:30:00.5Z&to=2026-11-22T09:00:00.000001Z",
    "from=2026-11-18T00:00:00Z&to=2026-11-20T00:00:00Z",
];
/// Counts of each sort; the first bins and the first facets are those of roll-ups.
const PICTURES: [&str; 7] = [
    "histogram?bins=24&",
    "histogram?bins=200&",
    "facets?fields=cluster,kind,reason,type&",
    "facets?fields=name,node,pattern&top=3&",
    "patterns?",
    "occurrences?bins=30&",
    "explain?",
];
/// What a moment makes: what is proven by now, and sealed cursors; and what was read of the archive.
const OF_THE_MOMENT: [&str; 5] = ["coverage", "baseline_coverage", "next", "cold", "coverage_of_bins"];

/// The answers to all questions, by question.
pub struct Answers {
    answers: Texts,
    /// Files that were read of the archive, over all answers.
    pub files: u64,
}

impl Answers {
    pub async fn of(site: &Site) -> Self {
        Self::over(site, RANGES.into_iter().zip([2, FILTERS.len(), 2])).await
    }

    /// Each sort of question once, over everything: where another test has shown that ranges and filters find their place.
    pub async fn brief(site: &Site) -> Self {
        Self::over(site, [(RANGES[0], 1)]).await
    }

    async fn over(site: &Site, ranges: impl IntoIterator<Item = (&'static str, usize)>) -> Self {
        let mut all = Self { answers: Texts::new(), files: 0 };
        for (range, filters) in ranges {
            for filter in &FILTERS[..filters] {
                all.lists(site, range, filter).await;
                for question in PICTURES {
                    all.one(site, &format!("/api/v1/events/{question}{range}{filter}")).await;
                }
            }
            for object in ["Pod/recsys/pod-4", "Node/recsys/pod-5"] {
                let path = format!("/api/v1/objects/{}/{object}", CLUSTERS[0]);
                all.pages(site, &format!("{path}/timeline?{range}&limit=3")).await;
                all.one(site, &format!("{path}/lanes?{range}&width=200")).await;
            }
            all.one(site, &format!("/api/v1/clusters?{range}")).await;
        }
        all.by_uid(site).await;
        let (lines, note) = site.export(&format!("{}&type=Warning", RANGES[1])).await;
        all.files += note["cold"]["files"].as_u64().unwrap_or(0);
        all.answers.insert("export".into(), lines.into());
        all
    }

    /// Some Events by their uid, and some objects at moments: no range says where they are.
    async fn by_uid(&mut self, site: &Site) {
        for (cluster, number) in [(0, 1), (1, 1), (1, 6), (0, 20)] {
            let path = format!("/api/v1/events/{}/{}", CLUSTERS[cluster], Uuid::from_u128(number));
            self.pages(site, &format!("{path}?limit=1")).await;
            self.one(site, &format!("{path}/neighbours?scope=cluster&within=12h")).await;
        }
        for (object, at) in [
            ("Pod/recsys/pod-4", "19T12:00:00Z"),
            ("Pod/recsys/pod-4", "23T12:00:00Z"),
            ("Pod/recsys/none", "23T12:00:00Z"),
        ] {
            self.one(site, &format!("/api/v1/objects/{}/{object}/at?t=2026-11-{at}", CLUSTERS[0])).await;
        }
    }

    /// The states of the widest list.
    pub fn states(&self) -> u64 {
        self.answers[&list(RANGES[0], "", 100)].as_array().unwrap().len() as u64
    }

    pub fn must_be(&self, before: &Self) {
        assert_eq!(self.answers.len(), before.answers.len());
        for (question, answer) in &before.answers {
            assert_eq!(&self.answers[question], answer, "{question}");
        }
    }

    async fn lists(&mut self, site: &Site, range: &str, filter: &str) {
        self.pages(site, &list(range, filter, 100)).await;
        if filter.starts_with("&type") {
            // Small pages end in the middle of days, and at their edges.
            self.pages(site, &list(range, filter, 4)).await;
        }
        let total = site.get(&format!("{}&total=true", list(range, filter, 1))).await["total"].clone();
        self.answers.insert(format!("total {range}{filter}"), total);
    }

    async fn pages(&mut self, site: &Site, path: &str) {
        let (items, files) = pages(site, path).await;
        self.files += files;
        self.answers.insert(path.to_owned(), items.into());
    }

    async fn one(&mut self, site: &Site, path: &str) {
        let mut answer = site.get(path).await;
        self.files += answer["cold"]["files"].as_u64().unwrap_or(0);
        let object = answer.as_object_mut().unwrap();
        OF_THE_MOMENT.iter().for_each(|name| drop(object.remove(*name)));
        for bin in object.get_mut("bins").and_then(Value::as_array_mut).into_iter().flatten() {
            bin.as_object_mut().unwrap().remove("coverage");
        }
        self.answers.insert(path.to_owned(), answer);
    }
}

fn list(range: &str, filter: &str, limit: u32) -> String {
    format!("/api/v1/events?{range}{filter}&limit={limit}")
}

/// The rows of all pages, in order, and how many files were read for them.
pub async fn pages(site: &Site, path: &str) -> (Vec<Value>, u64) {
    let (mut items, mut files, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = site.get(&format!("{path}{cursor}")).await;
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        files += page["cold"]["files"].as_u64().unwrap_or(0);
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (items, files),
        }
    }
}
