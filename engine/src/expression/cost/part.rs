//! The arithmetic of cost bounds.

use crate::budget::STEP;

/// `fixed + per_item × w`, where w is the weight of the item in whose body this is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Linear {
    pub(super) fixed: u64,
    pub(super) per_item: u64,
}

impl Linear {
    pub(super) const fn fixed(fixed: u64) -> Self {
        Self { fixed, per_item: 0 }
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            fixed: self.fixed.saturating_add(other.fixed),
            per_item: self.per_item.saturating_add(other.per_item),
        }
    }

    pub(super) fn max(self, other: Self) -> Self {
        Self {
            fixed: self.fixed.max(other.fixed),
            per_item: self.per_item.max(other.per_item),
        }
    }

    pub(super) const fn times(self, factor: u64) -> Self {
        Self {
            fixed: self.fixed.saturating_mul(factor),
            per_item: self.per_item.saturating_mul(factor),
        }
    }

    /// The sum over `count` items of `total` weight together.
    pub(super) const fn over(self, count: u64, total: u64) -> u64 {
        let fixed = self.fixed.saturating_mul(count);
        fixed.saturating_add(self.per_item.saturating_mul(total))
    }
}

/// Bounds of one part of an expression.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Part {
    pub(super) work: Linear,
    /// Memory of the values that were made on the way.
    pub(super) held: Linear,
    /// Weight of the value.
    pub(super) size: Linear,
    /// Elements of the value, if it is a list or map.
    pub(super) count: Option<u64>,
}

impl Part {
    /// A value that is there already.
    pub(super) fn borrowed(size: Linear) -> Self {
        Self {
            work: Linear::fixed(STEP),
            size,
            ..Self::default()
        }
    }

    /// A new value of this size, made from the parts.
    pub(super) fn made(parts: Self, size: Linear) -> Self {
        Self {
            work: parts.work.plus(parts.size).plus(Linear::fixed(STEP)),
            held: parts.held.plus(size),
            size,
            count: None,
        }
    }

    /// Both parts, one after the other.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            work: self.work.plus(other.work),
            held: self.held.plus(other.held),
            size: self.size.plus(other.size),
            count: None,
        }
    }
}

/// What a comprehension iterates over.
pub(super) struct Elements {
    pub(super) part: Part,
    pub(super) count: u64,
    pub(super) total: u64,
    pub(super) largest: u64,
}

impl Elements {
    pub(super) fn of(part: Part, weights: impl Iterator<Item = u64>) -> Self {
        let none = Self {
            part,
            count: 0,
            total: 0,
            largest: 0,
        };
        weights.fold(none, |sum, weight| Self {
            part,
            count: sum.count + 1,
            total: sum.total + weight,
            largest: sum.largest.max(weight),
        })
    }
}
