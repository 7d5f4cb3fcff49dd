//! Row 8: the server's memory for one subscriber that waits.

use crate::{
    Error, followers,
    ours::{circle::Circle, place::Place},
    setting::Setting,
    stats::memory_kib,
    straw::process::StrawMan,
    table::Row,
};

/// Row 8, at two sizes. Memory is not noise: one round each.
pub(crate) async fn rows(setting: Setting) -> Result<Vec<Row>, Error> {
    let sizes = setting.size([("8", 1000), ("8b", 10_000)], [("8", 20), ("8b", 40)]);
    let mut place = Place::start()?;
    let circle = Circle::form(&mut place, 1).await?;
    let ours = {
        let (address, id) = (place.server.address(), place.server.id());
        let before = memory(id)?;
        let mut all = Vec::new();
        let mut figures = Vec::new();
        for (_, size) in sizes {
            all.extend(followers::ours(&circle, address, size - all.len()).await?);
            figures.push((memory(id)? - before) / size as f64);
        }
        figures
    };
    let straw = StrawMan::start()?;
    let theirs = {
        let before = memory(straw.id())?;
        let mut all = Vec::new();
        let mut figures = Vec::new();
        for (_, size) in sizes {
            all.extend(followers::theirs(&straw, size - all.len()).await?);
            figures.push((memory(straw.id())? - before) / size as f64);
        }
        figures
    };
    let rows = sizes.into_iter().zip(ours).zip(theirs).map(|(((number, size), ours), theirs)| {
        Row::new(number, format!("server memory an idle subscriber, {size} connections"), "KiB")
            .ours(vec![ours])
            .beside("straw man", &[theirs])
            .at_most(64.0, "<= 64 KiB")
    });
    Ok(rows.collect())
}

fn memory(process: u32) -> Result<f64, Error> {
    Ok(memory_kib(process, "VmRSS").ok_or("a running process has memory")? as f64)
}
