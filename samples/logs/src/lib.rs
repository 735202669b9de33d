//! Reports on access logs: how many requests each team's services had in each region, how many failed, how long they took.

mod generate;
mod options;
mod request;
mod summary;

use serde::Deserialize;
use tinderbox::{Context, CsvOptions, Error, HashMap, Record, Result};

use options::{Options, Task};
use summary::Summary;

#[tinderbox::main]
fn main(cx: &Context, args: Vec<String>) -> Result<()> {
    match options::parse(args)? {
        Task::Report(options) => report(cx, &options),
        Task::Generate { lines, folder } => generate::logs(cx, lines, &folder),
    }
}

/// Whose a host is, and where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Record)]
struct Place {
    team: String,
    region: String,
}

fn report(cx: &Context, options: &Options) -> Result<()> {
    let places = places(cx, &options.hosts)?;
    let unknown = Place {
        team: "-".to_owned(),
        region: "-".to_owned(),
    };
    let broken = cx.long_accumulator("broken rows");

    // The closures borrow the table and the options from here: each task is a fork of the program, in which they simply are.
    // So joining with a small table needs no broadcast, and moves nothing.
    let summaries = request::read(cx, &options.paths, &broken)?
        .filter(|request| options.wants(request))
        .map(|request| {
            let place = places.get(&request.host).unwrap_or(&unknown);
            (place.clone(), request)
        })
        .aggregate_by_key(Summary::default(), Summary::add, Summary::merge);

    // One a group: few enough to be sorted here.
    let mut rows = summaries.collect()?;
    rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    println!("team\tregion\trequests\terrors\tp50_ms\tp95_ms\tp99_ms\tbytes");
    for (Place { team, region }, summary) in &rows {
        println!("{team}\t{region}\t{summary}");
    }
    match broken.value()? {
        0 => {}
        1 => eprintln!("1 broken row was left out"),
        count => eprintln!("{count} broken rows were left out"),
    }
    Ok(())
}

/// A row of the table of hosts.
#[derive(Deserialize, Record)]
struct Host {
    host: String,
    team: String,
    region: String,
}

fn places(cx: &Context, table: &str) -> Result<HashMap<String, Place>> {
    let mut places = HashMap::default();
    for Host { host, team, region } in cx.csv::<Host>(table, CsvOptions::new())?.collect()? {
        if places.contains_key(&host) {
            return Err(Error::new(format!("`{table}` has the host `{host}` twice")));
        }
        places.insert(host, Place { team, region });
    }
    Ok(places)
}
