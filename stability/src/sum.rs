//! Sums of many numbers, with compensation for what rounding loses (Neumaier 1974).

/// A running sum. Its error does not grow with the number of terms.
#[derive(Clone, Copy, Default)]
pub struct Sum {
    total: f64,
    lost: f64,
}

impl Sum {
    pub fn add(&mut self, term: f64) {
        let total = self.total + term;
        self.lost += match self.total.abs() >= term.abs() {
            true => (self.total - total) + term,
            false => (term - total) + self.total,
        };
        self.total = total;
    }

    pub fn value(self) -> f64 {
        self.total + self.lost
    }
}

/// The sum of all terms.
pub fn sum(terms: impl Iterator<Item = f64>) -> f64 {
    let mut sum = Sum::default();
    terms.for_each(|term| sum.add(term));
    sum.value()
}

/// The mean of numbers with weights, taken around the first of them: equal numbers have exactly that mean.
pub fn mean(numbers: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let Some((first, _)) = numbers.clone().next() else { return 0.0 };
    let weight = sum(numbers.clone().map(|(_, weight)| weight));
    first + sum(numbers.map(|(number, weight)| weight * (number - first))) / weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_terms_are_not_lost() {
        assert_eq!(sum([1.0, 1e100, 1.0, -1e100].into_iter()), 2.0);
        assert_eq!(sum(std::iter::repeat_n(0.1, 1_000_000)), 100_000.0);
    }

    #[test]
    fn equal_numbers_are_their_mean() {
        for number in [100.1, 0.1, -3.3e-9] {
            assert_eq!(mean(std::iter::repeat_n((number, 3.0), 7)), number);
        }
    }
}
