//! Decisions about models and machines, as pure functions: what a model would need and how fast it would be
//! ([`memory`], [`raw_speed`], [`OnMachine`]), and what to choose ([`recommend`], [`stack`], [`route`], [`TierPolicy`]).

mod candidate;
mod content;
mod correction;
mod estimate;
mod evaluate;
mod explain;
mod fit;
mod headline;
mod matrix_instructions;
mod memory;
mod next_step;
mod on_machine;
mod predict;
mod quality;
mod rates;
mod recommend;
mod route;
mod routing;
mod score;
mod speed;
mod stack;
mod tiers;
mod times;
mod window;
mod work;
mod yardstick;

pub use candidate::{Candidate, MeasuredRate, MeasuredRun, MeasuredScore, Variant};
pub use content::{
    LengthClass, TOKENS_PER_PAGE, answer_tokens, overlap_tokens, pages, reading_plan, step_tokens,
    text_tokens,
};
pub use correction::{Bias, Correction, Disagreement, Outcome};
pub use evaluate::{engine_settings, runs_role};
pub use explain::bytes as readable_bytes;
pub use fit::{best_kv_type, best_quantization, budget, kv_type_suits, largest_context, margin};
pub use matrix_instructions::MatrixInstructions;
pub use memory::{MemoryEstimate, memory};
pub use on_machine::OnMachine;
pub use predict::Predictor;
pub use quality::{kept_by_kv_type, kept_by_quantization, quality, quality_share};
pub use rates::{RATE_MODELS, RATE_PROMPT_TOKENS, rate_depths, solve_rates};
pub use recommend::{DEFAULT_CONTEXT, NEAR_SHARE, Request, fitting_ways, ranked, recommend};
pub use route::{Fallback, Route, RouteError, RouteModel, RouteRequest, Understood, route, understand};
pub use routing::{Complexity, RoutingError, RoutingPolicy};
pub use score::{HALF_CREDIT_TPS, LEAST_TPS, quality_weight, score, speed_share};
pub use speed::{Interval, PREDICTED_PROMPT_TOKENS, RawRate, RawSpeed, SpeedEstimate, raw_speed};
pub use stack::{RoleWays, stack};
pub use tiers::{DetectedTier, TIERS_BYTES_MAX, Tier, TierError, TierLimit, TierPolicy};
pub use window::{WindowBound, WindowLimit, window_for, window_limit};
pub use yardstick::{YARDSTICK_ITEMS_MIN, suite_role};
