//! How many different records have filled registers like these.

/// Linear counting: how many records fill so many of the sparse form's indices.
pub(super) fn linear(filled: usize) -> f64 {
    let all = f64::from(1u32 << super::SPARSE);
    all * -(-(filled as f64) / all).ln_1p()
}

/// Ertl's improved raw estimator.
pub(super) fn dense(registers: &[u8], rank_max: u8) -> f64 {
    let count = registers.len() as f64;
    let mut of_rank = [0u32; 66];
    registers
        .iter()
        .for_each(|rank| of_rank[usize::from(*rank).min(65)] += 1);
    let share = |rank: u8| f64::from(of_rank[usize::from(rank)]);
    let mut sum = count * tau(1.0 - share(rank_max + 1) / count);
    for rank in (1..=rank_max).rev() {
        sum = 0.5 * (sum + share(rank));
    }
    sum += count * sigma(share(0) / count);
    count * count / (2.0 * std::f64::consts::LN_2 * sum)
}

/// The part of the registers that are still empty.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut sum, mut weight) = (x, 1.0);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// The part of the registers that are full.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut sum, mut weight) = (1.0 - x, 1.0);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}
