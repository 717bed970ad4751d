//! The guard over expressions: values, names, operators, and functions by name.

use sqlparser::{
    ast::{
        AccessExpr, Array, BinaryOperator, CaseWhen, CastKind, CeilFloorKind, DateTimeField, DuplicateTreatment, Expr,
        ExtractSyntax, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Interval, LambdaFunction,
        LambdaFunctionParameter, LambdaSyntax, NullTreatment, ObjectName, OneOrManyWithParens, Spanned, Subscript,
        UnaryOperator, Value, WindowType,
    },
    tokenizer::Span,
};

use super::{
    functions,
    guard::Guard,
    literals::is_closed,
    names::{quoted, single},
    reading::{bracketed, position, seen, trim, without_plus},
    refusal::{Checking, Refused},
    tokens::is_number,
    types,
};

const EXPRESSIONS: &str =
    "columns, values, operators, functions of the schema, CASE, CAST, INTERVAL, IN, EXISTS, subqueries, x -> ...";

fn refuse<T>(what: &str, at: Span) -> Checking<T> {
    Err(Refused::new("expression", format!("{what} is not allowed"), EXPRESSIONS, at))
}

impl Guard {
    pub(super) fn all(&mut self, expressions: &mut [Expr]) -> Checking {
        expressions.iter_mut().try_for_each(|expression| self.expression(expression))
    }

    fn each<'a>(&mut self, expressions: impl IntoIterator<Item = &'a mut Box<Expr>>) -> Checking {
        expressions.into_iter().try_for_each(|expression| self.expression(expression))
    }

    pub(super) fn expression(&mut self, expression: &mut Expr) -> Checking {
        without_plus(expression);
        let at = expression.span();
        match expression {
            Expr::Identifier(name) => self.take(name),
            Expr::CompoundIdentifier(names) => names.iter_mut().try_for_each(quoted),
            Expr::Value(value) => self.value(&mut value.value, value.span),
            Expr::Function(function) => self.function(function, at),
            Expr::Nested(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner) => self.expression(inner),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => self.expression(expr),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
                self.expression(expr)?;
                bracketed(expr);
                Ok(())
            }
            Expr::BinaryOp { left, op, right } => {
                operator(op, at)?;
                self.each([left, right])
            }
            Expr::Between { expr, negated: _, low, high } => self.each([expr, low, high]),
            Expr::Like { negated: _, any: false, expr, pattern, escape_char: None }
            | Expr::ILike { negated: _, any: false, expr, pattern, escape_char: None } => self.each([expr, pattern]),
            Expr::InList { expr, list, negated: _ } => {
                self.expression(expr)?;
                list.iter_mut().try_for_each(|item| self.listed(item))
            }
            Expr::InSubquery { expr, subquery, negated: _ } => {
                self.expression(expr)?;
                self.query(subquery)
            }
            Expr::Exists { subquery, negated: _ } | Expr::Subquery(subquery) => self.query(subquery),
            Expr::Tuple(items) | Expr::Array(Array { elem: items, named: false }) => self.all(items),
            Expr::Case { case_token: _, end_token: _, operand, conditions, else_result } => {
                self.each(operand.iter_mut().chain(else_result))?;
                conditions.iter_mut().try_for_each(|CaseWhen { condition, result }| {
                    self.expression(condition)?;
                    self.expression(result)
                })
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.expression(root)?;
                access_chain.iter_mut().try_for_each(|access| self.access(access, at))
            }
            _ => self.special(expression, at),
        }
    }

    /// What has a syntax of its own.
    fn special(&mut self, expression: &mut Expr, at: Span) -> Checking {
        match expression {
            Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, format: None } => {
                types::plain(data_type, at)?;
                self.expression(expr)
            }
            Expr::Interval(interval) => self.interval(interval, at),
            Expr::Lambda(lambda) => self.lambda(lambda, at),
            Expr::Extract { field, syntax: ExtractSyntax::From, expr } => {
                unit(field, at)?;
                self.expression(expr)
            }
            Expr::Ceil { expr, field } | Expr::Floor { expr, field } => {
                match field {
                    CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => {}
                    CeilFloorKind::Scale(digits) => self.value(&mut digits.value, at)?,
                    CeilFloorKind::DateTimeField(_) => return refuse("a unit of time in floor or ceil", at),
                }
                self.expression(expr)
            }
            Expr::Position { expr, r#in } => {
                *expression = position(expr, r#in);
                self.expression(expression)
            }
            Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                self.each([expr].into_iter().chain(substring_from).chain(substring_for))
            }
            Expr::Trim { trim_where, trim_what, expr, trim_characters: None } => {
                *expression = trim(*trim_where, expr, trim_what.as_mut());
                self.expression(expression)
            }
            // A library of many dialects: what is not named here is not known.
            _ => refuse("this expression", at),
        }
    }

    /// A member of a list behind IN. A bare name there would be read as a table.
    fn listed(&mut self, item: &mut Expr) -> Checking {
        let what = match seen(item) {
            Expr::Value(_) | Expr::Tuple(_) | Expr::Array(_) | Expr::Function(_) | Expr::Cast { .. } => {
                return self.expression(item);
            }
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: _ } => return self.expression(item),
            // What binds less than IN was meant to stand behind it: `x IN 1 AND y`.
            Expr::BinaryOp { op, left: _, right: _ } if is_arithmetic(op) => return self.expression(item),
            Expr::Identifier(name) => format!("the name {:?}", name.value),
            Expr::CompoundIdentifier(names) => {
                let parts: Vec<_> = names.iter().map(|name| name.value.as_str()).collect();
                format!("the name {:?}", parts.join("."))
            }
            _ => "this".to_owned(),
        };
        let allowed = "`IN (values)`, `IN (SELECT ...)`, or `=` for a column";
        Err(Refused::new("expression", format!("{what} in a list of IN is not allowed"), allowed, seen(item).span()))
    }

    fn value(&mut self, value: &mut Value, at: Span) -> Checking {
        match value {
            Value::Number(digits, false) if is_number(digits) => {
                // Behind a word the engine takes the point of `.5` for that of a name.
                if digits.starts_with('.') {
                    digits.insert(0, '0');
                }
                Ok(())
            }
            Value::Boolean(_) | Value::Null => Ok(()),
            Value::SingleQuotedString(body) if is_closed(body) => {
                let number = self.strings.len().to_string();
                self.strings.push(std::mem::replace(body, number));
                Ok(())
            }
            // Strings of other databases, parameters.
            _ => refuse("this kind of value", at),
        }
    }

    fn access(&mut self, access: &mut AccessExpr, at: Span) -> Checking {
        match access {
            AccessExpr::Subscript(Subscript::Index { index }) => self.expression(index),
            AccessExpr::Subscript(Subscript::Slice { .. }) => refuse("a slice", at),
            AccessExpr::Dot(Expr::Identifier(name)) => quoted(name),
            AccessExpr::Dot(_) => refuse("this behind a dot", at),
        }
    }

    fn interval(&mut self, interval: &mut Interval, at: Span) -> Checking {
        let Interval { value, leading_field, leading_precision, last_field, fractional_seconds_precision } = interval;
        let odd = leading_precision.is_some() || last_field.is_some() || fractional_seconds_precision.is_some();
        let Some(field) = leading_field.as_mut().filter(|_| !odd) else {
            return refuse("this form of INTERVAL (write INTERVAL 1 HOUR)", at);
        };
        unit(field, at)?;
        self.expression(value)?;
        // The engine reads units in a string that follows the word: `INTERVAL '1 HOUR'`.
        bracketed(value);
        Ok(())
    }

    fn lambda(&mut self, lambda: &mut LambdaFunction, at: Span) -> Checking {
        let LambdaFunction { params, body, syntax } = lambda;
        if *syntax != LambdaSyntax::Arrow {
            return refuse("this form of a lambda (write x -> ...)", at);
        }
        let mut name = |LambdaFunctionParameter { name, data_type }: &mut LambdaFunctionParameter| match data_type {
            None => self.give(name),
            Some(_) => refuse("a type in a lambda", at),
        };
        match params {
            OneOrManyWithParens::One(param) => name(param)?,
            OneOrManyWithParens::Many(params) => params.iter_mut().try_for_each(name)?,
        }
        self.expression(body)
    }

    fn function(&mut self, function: &mut Function, at: Span) -> Checking {
        let Function { name, uses_odbc_syntax, parameters, args, within_group, filter, null_treatment, over } =
            function;
        let written = single(name).map_or_else(|| name.to_string(), |ident| ident.value.clone());
        let Some(known) = functions::known(&written).filter(|_| single(name).is_some()) else {
            let near = functions::like(&written).join(", ");
            let allowed = match near.is_empty() {
                true => "the functions of `beidou sql --schema`".to_owned(),
                false => format!("{near}, and the others of `beidou sql --schema`"),
            };
            return Err(Refused::new("function", format!("there is no function {written:?} here"), allowed, at));
        };
        if !functions::is_parametric(&known) && *parameters != FunctionArguments::None {
            return refuse("a second pair of brackets behind this function", at);
        }
        if functions::is_calling(&known) && !calls_a_lambda(args) {
            let what = format!("a first argument of {known} that is no lambda");
            return Err(Refused::new("expression", what, "x -> ...", at));
        }
        *name = ObjectName::from(vec![Ident::new(known)]);
        if *uses_odbc_syntax || !within_group.is_empty() {
            return refuse("WITHIN GROUP or {fn}", at);
        }
        self.arguments(parameters, true, at)?;
        self.arguments(args, false, at)?;
        match null_treatment {
            None | Some(NullTreatment::IgnoreNulls | NullTreatment::RespectNulls) => {}
        }
        filter.as_mut().map_or(Ok(()), |filter| self.expression(filter))?;
        match over {
            None => Ok(()),
            Some(WindowType::NamedWindow(name)) => quoted(name),
            Some(WindowType::WindowSpec(window)) => self.window(window),
        }
    }

    fn arguments(&mut self, arguments: &mut FunctionArguments, may_miss: bool, at: Span) -> Checking {
        let list = match arguments {
            FunctionArguments::None if may_miss => return Ok(()),
            FunctionArguments::None => return refuse("a function without brackets", at),
            FunctionArguments::Subquery(_) => return refuse("a bare subquery as argument", at),
            FunctionArguments::List(list) => list,
        };
        match list.duplicate_treatment {
            None | Some(DuplicateTreatment::Distinct | DuplicateTreatment::All) => {}
        }
        if !list.clauses.is_empty() {
            return refuse("a clause among the arguments", at);
        }
        list.args.iter_mut().try_for_each(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => self.expression(expression),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => Ok(()),
            FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(_) | FunctionArgExpr::WildcardWithOptions(_))
            | FunctionArg::Named { .. }
            | FunctionArg::ExprNamed { .. } => refuse("this argument", at),
        })
    }
}

/// Whether the first of several arguments is a lambda. The engine takes a name there for a function, whatever it is
/// called, and it knows more ways to write a name than anybody can list.
fn calls_a_lambda(arguments: &FunctionArguments) -> bool {
    let FunctionArguments::List(list) = arguments else { return true };
    match list.args.as_slice() {
        [] | [_] => true,
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(first)), ..] => matches!(seen(first), Expr::Lambda(_)),
        [_, ..] => false,
    }
}

fn operator(operator: &BinaryOperator, at: Span) -> Checking {
    use BinaryOperator as O;
    match operator {
        O::And | O::Or | O::Eq | O::NotEq | O::Lt | O::Gt | O::LtEq | O::GtEq => Ok(()),
        operator if is_arithmetic(operator) => Ok(()),
        _ => refuse("this operator", at),
    }
}

/// What makes a value of two, and binds more than a comparison.
fn is_arithmetic(operator: &BinaryOperator) -> bool {
    use BinaryOperator as O;
    matches!(operator, O::Plus | O::Minus | O::Multiply | O::Divide | O::Modulo | O::StringConcat)
}

/// A unit of time that the engine has.
fn unit(field: &DateTimeField, at: Span) -> Checking {
    use DateTimeField as F;
    match field {
        F::Year | F::Years | F::Quarter | F::Month | F::Months | F::Week(None) | F::Weeks | F::Day | F::Days => Ok(()),
        F::Hour | F::Hours | F::Minute | F::Minutes | F::Second | F::Seconds => Ok(()),
        F::Millisecond | F::Milliseconds | F::Microsecond | F::Microseconds => Ok(()),
        _ => refuse("this unit of time", at),
    }
}
