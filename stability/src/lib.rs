mod distribution;
mod sum;
