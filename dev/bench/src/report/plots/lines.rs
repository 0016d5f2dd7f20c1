//! A line over time.

use plotters::prelude::*;

/// The picture as SVG: a value for each window, from zero up.
pub(super) fn draw(title: &str, values: &[f64]) -> anyhow::Result<String> {
    let highest = values.iter().copied().fold(1.0, f64::max) * 1.1;
    let points = values
        .iter()
        .zip(1..)
        .map(|(value, window)| (window, *value));
    let windows = i32::try_from(values.len())?;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (960, 320)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(32)
            .y_label_area_size(64)
            .build_cartesian_2d(1..windows.max(2), 0.0..highest)?;
        chart.configure_mesh().x_desc("window").draw()?;
        chart.draw_series(LineSeries::new(
            points,
            RGBColor(46, 111, 187).stroke_width(2),
        ))?;
        area.present()?;
    }
    Ok(svg)
}
