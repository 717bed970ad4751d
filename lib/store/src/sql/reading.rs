//! What the engine's parser leaves out when it reads an expression. Here it is left out, or written in another way,
//! before anything is decided, so that what looks like an operation is none and a name that stands behind it is seen.
//!
//! - A plus sign in front, wherever it stands: `x IN (+t)` is `x IN (t)`.
//! - Brackets around one thing.
//! - `TRIM(BOTH '' FROM x)` is `x`; `trimBoth(x, '')` is a function. The IN of `POSITION(a IN (t))` is a word of its own.
//! - Two minus signs begin a comment, and in a string behind INTERVAL it looks for units.

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName,
    TrimWhereField, UnaryOperator, Value,
};

/// An expression as the engine sees it: without what stands around it and does nothing. Whoever asks whether something is
/// a name asks this.
pub(super) fn seen(expression: &Expr) -> &Expr {
    match expression {
        Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Plus, expr: inner } => seen(inner),
        Expr::Tuple(items) => match items.as_slice() {
            [only] => seen(only),
            _ => expression,
        },
        _ => expression,
    }
}

/// Takes the plus signs away that stand in front.
pub(super) fn without_plus(expression: &mut Expr) {
    while let Expr::UnaryOp { op: UnaryOperator::Plus, expr } = expression {
        let inner = taken(expr);
        *expression = inner;
    }
}

/// Puts what is behind a sign or a keyword in brackets, unless it is one thing that cannot be read together with it.
pub(super) fn bracketed(expression: &mut Expr) {
    let is_one_thing = match expression {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Nested(_) | Expr::Function(_) => true,
        _ => false,
    };
    if !is_one_thing {
        *expression = Expr::Nested(Box::new(taken(expression)));
    }
}

/// TRIM, as the function that it means.
pub(super) fn trim(side: Option<TrimWhereField>, of: &mut Expr, what: Option<&mut Box<Expr>>) -> Expr {
    let name = match side {
        None | Some(TrimWhereField::Both) => "trimBoth",
        Some(TrimWhereField::Leading) => "trimLeft",
        Some(TrimWhereField::Trailing) => "trimRight",
    };
    call(name, [taken(of)].into_iter().chain(what.map(|what| taken(what))))
}

/// `POSITION(needle IN haystack)`, as the function that it means.
pub(super) fn position(needle: &mut Expr, haystack: &mut Expr) -> Expr {
    call("position", [taken(haystack), taken(needle)])
}

fn call(name: &str, arguments: impl IntoIterator<Item = Expr>) -> Expr {
    let args = arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        within_group: Vec::new(),
        filter: None,
        null_treatment: None,
        over: None,
    })
}

fn taken(expression: &mut Expr) -> Expr {
    std::mem::replace(expression, Expr::Tuple(Vec::new()))
}
