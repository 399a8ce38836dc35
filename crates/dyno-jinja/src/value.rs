//! Values as Python has them: what they are, whether they are true, how they compare.

mod compare;
mod json;
mod number;
mod text;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::ast;
use crate::fault::{Outcome, Reason, failed};
use crate::input::Input;
use crate::meter::Meter;
use crate::render::Scope;

pub(crate) use compare::{compare, contains, equal, same};
pub(crate) use json::{JsonStyle, to_json};
pub(crate) use number::{exponent_text, float_text, rounded};
pub(crate) use text::{is_printable, represented, shown};

/// Deepest nesting of lists and dictionaries; Python's own printing ends at about as much.
const NESTING_MAX: u16 = 300;

/// Most items in one value, those of its items counted where they stand: `[x, x]` has those of `x` twice.
const ITEMS_MAX: u32 = 2_000_000;

/// How much is in a value. Walks through it are bounded by this.
#[derive(Clone, Copy, Default)]
struct Extent {
    depth: u16,
    items: u32,
}

/// A value.
#[derive(Clone)]
pub(crate) enum Value {
    /// What a missing name or attribute gives: empty text, false, no items; anything else fails with these words.
    Undefined(Rc<str>),
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Rc<str>),
    /// Text that `safe` or `escape` made: texts that are joined with it are escaped first.
    Markup(Rc<str>),
    List(Rc<Items>),
    Tuple(Rc<Items>),
    Dict(Rc<Dict>),
    /// `keys()`, `values()` or `items()` of a dictionary.
    View(Rc<View>),
    Range(Range),
    /// What a generator has left to give.
    Stream(Rc<Stream>),
    Namespace(Rc<Namespace>),
    Loop(Rc<Loop>),
    Cycler(Rc<Cycler>),
    Joiner(Rc<Joiner>),
    Macro(Rc<BoundMacro>),
    Function(Function),
    Method(Rc<Method>),
}

/// Items of a list or tuple.
pub(crate) struct Items {
    pub(crate) values: Vec<Value>,
    extent: Extent,
    /// Whether these are a group of `groupby`, whose parts have names.
    pub(crate) is_group: bool,
}

/// A dictionary.
pub(crate) struct Dict {
    pub(crate) entries: IndexMap<Key, Value>,
    extent: Extent,
}

/// A view on a dictionary.
pub(crate) struct View {
    pub(crate) kind: &'static str,
    pub(crate) items: Rc<Items>,
}

/// Python's `range`.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) start: i128,
    pub(crate) stop: i128,
    pub(crate) step: i128,
}

/// Items that can be had once.
pub(crate) struct Stream {
    pub(crate) left: RefCell<VecDeque<Value>>,
    extent: Extent,
}

/// Python's one value that a template may change.
pub(crate) struct Namespace {
    pub(crate) attributes: RefCell<IndexMap<String, Value>>,
}

/// The `loop` of a loop.
pub(crate) struct Loop {
    pub(crate) items: Rc<Items>,
    /// Of the item that is being worked at.
    pub(crate) index: Cell<usize>,
    pub(crate) depth0: usize,
    pub(crate) changed: RefCell<Option<Vec<Value>>>,
    /// For `loop(…)` in a recursive loop.
    pub(crate) recursion: Option<Recursion>,
}

/// What a recursive loop calls again.
#[derive(Clone)]
pub(crate) struct Recursion {
    pub(crate) definition: Arc<ast::For>,
    pub(crate) scope: Scope,
}

/// `cycler(…)`
pub(crate) struct Cycler {
    pub(crate) items: Rc<Items>,
    pub(crate) at: Cell<usize>,
}

/// `joiner(…)`
pub(crate) struct Joiner {
    pub(crate) separator: Rc<str>,
    pub(crate) used: Cell<bool>,
}

/// A macro where it was defined.
pub(crate) struct BoundMacro {
    pub(crate) definition: Arc<ast::Macro>,
    pub(crate) scope: Scope,
}

/// Functions that every template has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Function {
    Range,
    Dict,
    Namespace,
    Cycler,
    Joiner,
    RaiseException,
    StrftimeNow,
}

/// A method and its object.
pub(crate) struct Method {
    pub(crate) object: Value,
    pub(crate) name: &'static str,
}

/// Arguments of a call.
#[derive(Clone, Default)]
pub(crate) struct Values {
    pub(crate) positional: Vec<Value>,
    pub(crate) named: Vec<(String, Value)>,
}

impl Value {
    pub(crate) fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn undefined(message: impl Into<Rc<str>>) -> Self {
        Self::Undefined(message.into())
    }

    pub(crate) fn list(values: Vec<Self>, meter: &Meter<'_>) -> Outcome<Self> {
        Ok(Self::List(Rc::new(Items::new(values, meter)?)))
    }

    pub(crate) fn tuple(values: Vec<Self>, meter: &Meter<'_>) -> Outcome<Self> {
        Ok(Self::Tuple(Rc::new(Items::new(values, meter)?)))
    }

    pub(crate) fn dict(entries: IndexMap<Key, Self>, meter: &Meter<'_>) -> Outcome<Self> {
        meter.make(entries.len() * ENTRY_BYTES)?;
        let keys = Extent::of(entries.keys().map(|key| &key.0))?;
        let values = Extent::of(entries.values())?;
        let extent = Extent {
            depth: keys.depth.max(values.depth),
            items: keys.items.saturating_add(values.items).min(ITEMS_MAX),
        };
        Ok(Self::Dict(Rc::new(Dict { entries, extent })))
    }

    pub(crate) fn stream(values: Vec<Self>, meter: &Meter<'_>) -> Outcome<Self> {
        meter.make(values.len() * ITEM_BYTES)?;
        let extent = Extent::of(values.iter())?;
        Ok(Self::Stream(Rc::new(Stream { left: RefCell::new(values.into()), extent })))
    }

    /// A value from outside.
    pub(crate) fn from_input(input: &Input, meter: &Meter<'_>) -> Outcome<Self> {
        Ok(match input {
            Input::None => Self::None,
            Input::Bool(value) => Self::Bool(*value),
            Input::Int(number) => Self::Int(i128::from(*number)),
            Input::Float(number) => Self::Float(*number),
            Input::Text(text) => Self::text(text.as_str()),
            Input::List(items) => {
                let values = items.iter().map(|item| Self::from_input(item, meter));
                Self::list(values.collect::<Outcome<_>>()?, meter)?
            }
            Input::Map(entries) => {
                let mut map = IndexMap::new();
                for (name, value) in entries {
                    map.insert(Key::text(name), Self::from_input(value, meter)?);
                }
                Self::dict(map, meter)?
            }
        })
    }

    fn extent(&self) -> Extent {
        match self {
            Self::List(items) | Self::Tuple(items) => items.extent,
            Self::Dict(dict) => dict.extent,
            Self::View(view) => view.items.extent,
            Self::Stream(stream) => stream.extent,
            Self::Loop(state) => state.items.extent,
            Self::Cycler(cycler) => cycler.items.extent,
            Self::Method(method) => {
                let inner = method.object.extent();
                Extent { depth: inner.depth.saturating_add(1), ..inner }
            }
            _ => Extent::default(),
        }
    }

    /// What it costs to walk through it, bytes.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Text(text) | Self::Markup(text) => text.len(),
            _ => self.extent().items as usize * ITEM_BYTES,
        }
    }

    /// Python's name of its type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::Markup(_) => "Markup",
            Self::List(_) => "list",
            Self::Tuple(items) => {
                if items.is_group {
                    "_GroupTuple"
                } else {
                    "tuple"
                }
            }
            Self::Dict(_) => "dict",
            Self::View(view) => view.kind,
            Self::Range(_) => "range",
            Self::Stream(_) => "generator",
            Self::Namespace(_) => "Namespace",
            Self::Loop(_) => "LoopContext",
            Self::Cycler(_) => "Cycler",
            Self::Joiner(_) => "Joiner",
            Self::Macro(_) => "Macro",
            Self::Function(_) => "function",
            Self::Method(_) => "builtin_function_or_method",
        }
    }

    /// Its type in Jinja's words about what is missing in it.
    pub(crate) fn described(&self) -> String {
        match self {
            Self::None => "None".to_owned(),
            Self::Namespace(_) | Self::Cycler(_) | Self::Joiner(_) => {
                format!("'jinja2.utils.{} object'", self.type_name())
            }
            Self::Loop(_) | Self::Macro(_) => format!("'jinja2.runtime.{} object'", self.type_name()),
            _ => format!("'{} object'", self.type_name()),
        }
    }

    /// Python's `bool(value)`.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Undefined(_) | Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) | Self::Markup(text) => !text.is_empty(),
            Self::Loop(_) => true,
            _ => self.length().is_none_or(|length| length != 0),
        }
    }

    /// Python's `len(value)`, for values that have one.
    pub(crate) fn length(&self) -> Option<usize> {
        match self {
            Self::Undefined(_) => Some(0),
            Self::Text(text) | Self::Markup(text) => Some(text.chars().count()),
            Self::List(items) | Self::Tuple(items) => Some(items.values.len()),
            Self::Dict(dict) => Some(dict.entries.len()),
            Self::View(view) => Some(view.items.values.len()),
            Self::Range(range) => Some(range.length()),
            Self::Loop(state) => Some(state.items.values.len()),
            _ => None,
        }
    }

    /// The same text as markup.
    pub(crate) fn marked(self) -> Self {
        match self {
            Self::Text(text) => Self::Markup(text),
            other => other,
        }
    }

    /// Its text, if it is text.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Markup(text) => Some(text),
            _ => None,
        }
    }

    /// Its whole number: an int or a bool.
    pub(crate) fn as_int(&self) -> Option<i128> {
        match self {
            Self::Bool(value) => Some(i128::from(*value)),
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// Its number: an int, a bool or a float.
    pub(crate) fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            _ => self.as_int().map(|number| number as f64),
        }
    }

    /// Why a value that is not there cannot be used, if it is not there.
    pub(crate) fn defined(&self) -> Outcome<&Self> {
        match self {
            Self::Undefined(message) => failed(&**message),
            _ => Ok(self),
        }
    }

    /// Its items, as Python iterates over it. A stream is then empty.
    pub(crate) fn iterate(&self, meter: &Meter<'_>) -> Outcome<Vec<Self>> {
        // A character of its own is an allocation of its own.
        let item_bytes =
            if matches!(self, Self::Text(_) | Self::Markup(_)) { 2 * ITEM_BYTES } else { ITEM_BYTES };
        meter.make(self.length().unwrap_or(0) * item_bytes)?;
        Ok(match self {
            Self::Undefined(_) => Vec::new(),
            Self::Text(text) | Self::Markup(text) => {
                text.chars().map(|c| Self::text(c.encode_utf8(&mut [0; 4]) as &str)).collect()
            }
            Self::List(items) | Self::Tuple(items) => items.values.clone(),
            Self::Dict(dict) => dict.entries.keys().map(|key| key.0.clone()).collect(),
            Self::View(view) => view.items.values.clone(),
            Self::Range(range) => range.values(),
            Self::Stream(stream) => stream.left.take().into(),
            Self::Loop(state) => {
                state.items.values[state.index.get().min(state.items.values.len())..].to_vec()
            }
            other => return failed(format!("'{}' object is not iterable", other.type_name())),
        })
    }

    /// Whether it can be iterated over.
    pub(crate) fn is_iterable(&self) -> bool {
        matches!(
            self,
            Self::Undefined(_)
                | Self::Text(_)
                | Self::Markup(_)
                | Self::List(_)
                | Self::Tuple(_)
                | Self::Dict(_)
                | Self::View(_)
                | Self::Range(_)
                | Self::Stream(_)
                | Self::Loop(_)
        )
    }

    /// Whether it can be called.
    pub(crate) fn is_callable(&self) -> bool {
        match self {
            Self::Macro(_) | Self::Function(_) | Self::Method(_) | Self::Joiner(_) | Self::Loop(_) => true,
            // Jinja's undefined value has `__call__`, which fails.
            Self::Undefined(_) => true,
            _ => false,
        }
    }
}

/// What a value in a list takes, bytes.
pub(crate) const ITEM_BYTES: usize = size_of::<Value>();

/// What an entry of a dictionary takes, bytes.
const ENTRY_BYTES: usize = 3 * ITEM_BYTES;

impl Extent {
    /// Of what holds `values`.
    fn of<'v>(values: impl Iterator<Item = &'v Value>) -> Outcome<Self> {
        let mut extent = Self { depth: 1, items: 0 };
        for value in values {
            let inner = value.extent();
            extent.depth = extent.depth.max(inner.depth.saturating_add(1));
            extent.items = extent.items.saturating_add(inner.items).saturating_add(1);
        }
        if extent.depth > NESTING_MAX {
            return Err(Reason::Limit(format!("its values nest more than {NESTING_MAX} levels deep")));
        }
        if extent.items > ITEMS_MAX {
            return Err(Reason::Limit(format!("one of its values has more than {ITEMS_MAX} items")));
        }
        Ok(extent)
    }
}

impl Items {
    pub(crate) fn new(values: Vec<Value>, meter: &Meter<'_>) -> Outcome<Self> {
        meter.make(values.len() * ITEM_BYTES)?;
        let extent = Extent::of(values.iter())?;
        Ok(Self { values, extent, is_group: false })
    }

    /// The tuple of a group of `groupby`.
    pub(crate) fn group(grouper: Value, list: Value, meter: &Meter<'_>) -> Outcome<Self> {
        Ok(Self { is_group: true, ..Self::new(vec![grouper, list], meter)? })
    }
}

impl Range {
    pub(crate) fn length(&self) -> usize {
        let span = if self.step > 0 { self.stop - self.start } else { self.start - self.stop };
        if span <= 0 { 0 } else { ((span - 1) / self.step.abs() + 1) as usize }
    }

    pub(crate) fn values(&self) -> Vec<Value> {
        (0..self.length() as i128).map(|at| Value::Int(self.start + at * self.step)).collect()
    }
}

/// A value that can be looked up in a dictionary.
#[derive(Clone)]
pub(crate) struct Key(pub(crate) Value);

impl Key {
    pub(crate) fn text(text: &str) -> Self {
        Self(Value::text(text))
    }

    /// A value as a key, if Python could hash it.
    pub(crate) fn of(value: &Value) -> Outcome<Self> {
        match value {
            Value::List(_) | Value::Dict(_) | Value::Namespace(_) => {
                failed(format!("unhashable type: '{}'", value.type_name()))
            }
            Value::Tuple(items) => {
                for item in &items.values {
                    Self::of(item)?;
                }
                Ok(Self(value.clone()))
            }
            _ => Ok(Self(value.clone())),
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        equal(&self.0, &other.0)
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Value::Text(text) | Value::Markup(text) => text.hash(state),
            Value::Tuple(items) => items.values.iter().for_each(|item| Self(item.clone()).hash(state)),
            // Numbers that are equal hash alike, whatever they are.
            other => match other.as_float() {
                Some(number) => (number + 0.0).to_bits().hash(state),
                None => 0_u8.hash(state),
            },
        }
    }
}
