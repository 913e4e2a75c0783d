mod nesting;
mod real;
mod round_trip;
mod rules;
