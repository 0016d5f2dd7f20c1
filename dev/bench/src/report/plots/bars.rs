//! Bars that lie, with their names before them and the spread of the rounds on them.

use plotters::{coord::Shift, prelude::*};

use crate::report::figures::Spread;

const WIDTH: i32 = 960;
const ROW: i32 = 24;
const TOP: i32 = 44;
const NAMES: i32 = 400;
const VALUES: i32 = 90;

/// One of them.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) spread: Spread,
    pub(super) kind: Kind,
}

/// Whose figure it is; each has a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ours,
    Limit,
    Peer,
}

impl Kind {
    /// The id of a case says it.
    pub(super) fn of(case: &str) -> Self {
        let is_limit = case == "control" || case == "echo" || case.starts_with("sql-");
        match (is_limit, case.starts_with("peer-")) {
            (true, _) => Self::Limit,
            (false, true) => Self::Peer,
            (false, false) => Self::Ours,
        }
    }

    const fn color(self) -> RGBColor {
        match self {
            Self::Ours => RGBColor(46, 111, 187),
            Self::Limit => RGBColor(150, 150, 150),
            Self::Peer => RGBColor(214, 137, 58),
        }
    }
}

/// The picture as SVG.
pub(super) fn draw(title: &str, bars: &[Bar]) -> anyhow::Result<String> {
    let rows = i32::try_from(bars.len())?;
    let size = (WIDTH.unsigned_abs(), (TOP + rows * ROW + 12).unsigned_abs());
    let highest = bars.iter().map(|bar| bar.spread.highest);
    let scale = f64::from(WIDTH - NAMES - VALUES) / highest.fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE)?;
        let heading = ("sans-serif", 18).into_font().color(&BLACK);
        area.draw(&Text::new(title.to_owned(), (12, 12), heading))?;
        for (bar, row) in bars.iter().zip(0..) {
            draw_bar(&area, bar, TOP + row * ROW, scale)?;
        }
        area.present()?;
    }
    Ok(svg)
}

fn draw_bar(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    bar: &Bar,
    top: i32,
    scale: f64,
) -> anyhow::Result<()> {
    let text = ("sans-serif", 13).into_font().color(&BLACK);
    let x = |value: f64| NAMES + (value * scale) as i32;
    let Spread {
        lowest,
        median,
        highest,
    } = bar.spread;
    area.draw(&Text::new(bar.label.clone(), (12, top + 3), text.clone()))?;
    let corners = [(NAMES, top), (x(median), top + ROW - 8)];
    area.draw(&Rectangle::new(corners, bar.kind.color().filled()))?;
    let middle = top + (ROW - 8) / 2;
    let span = vec![(x(lowest), middle), (x(highest), middle)];
    area.draw(&PathElement::new(span, BLACK.stroke_width(1)))?;
    let decimals = if median < 100.0 { 2 } else { 0 };
    let value = format!("{median:.decimals$}");
    area.draw(&Text::new(value, (x(highest) + 6, top + 3), text))?;
    Ok(())
}
