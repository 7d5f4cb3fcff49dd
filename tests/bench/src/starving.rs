//! Row 17: what one agency and one stranger at the desk take from others' commits.
//!
//! Somebody commits, one commit after the other, in a case that the pressing agency has nothing to do with: quiet, pressed,
//! pressed, quiet, over and over, in one run. The generators of the load run on the same machine.

use crate::{
    Error,
    ours::{
        circle::Circle,
        place::Place,
        pressing::{Presser, Pressure},
    },
    setting::Setting,
    stats::Latencies,
    table::Row,
};
use std::time::{Duration, Instant};

/// What was seen of commits in one stretch of time.
struct Stretch {
    a_second: f64,
    p99_ms: f64,
}

/// Rows 17.
pub(crate) async fn rows(setting: Setting) -> Result<Vec<Row>, Error> {
    let mut place = Place::start_with_a_second_agency()?;
    let mut circle = Circle::form(&mut place, setting.size(20, 3)).await?;
    let presser = Presser::of(&place)?;
    let mut rows = Vec::new();
    for pressure in [Pressure::Lists, Pressure::Worst] {
        let (mut quiet, mut pressed, mut handed_in) = (Vec::new(), Vec::new(), 0);
        for _ in 0..setting.rounds {
            quiet.push(stretch(&mut circle, setting).await?);
            for _ in 0..2 {
                let pressing = presser.press(pressure)?;
                pressed.push(stretch(&mut circle, setting).await?);
                handed_in += pressing.stop().await?;
            }
            quiet.push(stretch(&mut circle, setting).await?);
        }
        let each = setting.size(10, 1) * pressed.len() as u64;
        let a_second = handed_in / each.max(1);
        let of = |stretches: &[Stretch], figure: fn(&Stretch) -> f64| {
            stretches.iter().map(figure).collect::<Vec<_>>()
        };
        let remark = format!("{a_second} submissions a second, of which six a minute are taken");
        rows.push(match pressure {
            Pressure::Lists => {
                Row::new("17", "others' commits while one agency hands in a hundred lists a second", "1/s")
                    .ours(of(&pressed, |stretch| stretch.a_second))
                    .beside("quiet", &of(&quiet, |stretch| stretch.a_second))
                    .at_least_times(0.9)
                    .remark(remark)
            }
            Pressure::Worst => {
                Row::new("17b", "others' commits while one agency and one stranger do their worst: p99", "ms")
                    .ours(of(&pressed, |stretch| stretch.p99_ms))
                    .beside("quiet", &of(&quiet, |stretch| stretch.p99_ms))
                    .at_most_times(2.0)
                    .remark(remark)
            }
        });
    }
    Ok(rows)
}

/// Commits for a while, none of which may fail.
async fn stretch(circle: &mut Circle, setting: Setting) -> Result<Stretch, Error> {
    let length = Duration::from_secs(setting.size(10, 1));
    let began = Instant::now();
    let (mut latencies, mut commits) = (Latencies::new(), 0);
    while began.elapsed() < length {
        let asked = Instant::now();
        circle.commit().await?;
        latencies.add(asked.elapsed());
        commits += 1;
    }
    let a_second = f64::from(commits) / began.elapsed().as_secs_f64();
    Ok(Stretch { a_second, p99_ms: latencies.quantile_ms(0.99) })
}
