//! The guard over clauses: queries, FROM, joins, windows. Each structure is taken apart by all its fields, so that a new
//! one of the parser's library does not compile until somebody has decided about it.

use sqlparser::{
    ast::{
        Cte, Distinct, ExceptSelectItem, FunctionArg, FunctionArgExpr, GroupByExpr, GroupByWithModifier, Ident, Join,
        JoinConstraint, JoinOperator, LimitClause, NamedWindowDefinition, NamedWindowExpr, ObjectName, ObjectNamePart,
        Offset, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, OrderBySort, Query, Select, SelectFlavor,
        SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier, Spanned, TableFactor,
        TableFunctionArgs, TableWithJoins, Value, WildcardAdditionalOptions, WindowFrameBound, WindowSpec, With,
    },
    tokenizer::Span,
};

use super::{
    guard::Guard,
    names::{Source, alias, called, quoted, single},
    refusal::{Checking, Refused},
    tokens::is_number,
};

const CLAUSES: &str =
    "WITH, SELECT, DISTINCT, FROM, JOIN, WHERE, GROUP BY, HAVING, WINDOW, QUALIFY, ORDER BY, LIMIT, UNION";

fn unless(refused: bool, what: &str, at: Span) -> Checking {
    if refused { Refused::clause(what, CLAUSES, at) } else { Ok(()) }
}

impl Guard {
    pub(super) fn query(&mut self, query: &mut Query) -> Checking {
        let at = query.span();
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        unless(settings.is_some(), "SETTINGS", at)?;
        unless(format_clause.is_some(), "FORMAT", at)?;
        unless(fetch.is_some(), "FETCH", at)?;
        unless(!locks.is_empty() || for_clause.is_some(), "FOR", at)?;
        unless(!pipe_operators.is_empty(), "a pipe", at)?;
        self.scopes.push(Vec::new());
        if let Some(with) = with {
            self.with(with)?;
        }
        self.body(body)?;
        order_by.as_mut().map_or(Ok(()), |order| self.order_by(order, at))?;
        limit_clause.as_mut().map_or(Ok(()), |limit| self.limit(limit))?;
        self.scopes.pop();
        Ok(())
    }

    fn with(&mut self, with: &mut With) -> Checking {
        let With { with_token: _, recursive, cte_tables } = with;
        for cte in cte_tables {
            let Cte { alias: name, query, from, materialized, closing_paren_token: _ } = cte;
            let at = name.name.span;
            unless(*recursive, "WITH RECURSIVE", at)?;
            unless(from.is_some() || materialized.is_some(), "MATERIALIZED", at)?;
            let what = format!("a list of columns behind the name {:?} of WITH", name.name.value);
            unless(!name.columns.is_empty() || name.at.is_some(), &what, at)?;
            self.query(query)?;
            let own = std::mem::take(&mut name.name.value);
            name.name.value = self.with_name(&own);
            // Printed as `name AS (…)`.
            name.explicit = false;
            quoted(&mut name.name)?;
            self.scopes.last_mut().expect("the query around has pushed its scope").push(own);
        }
        Ok(())
    }

    fn body(&mut self, body: &mut SetExpr) -> Checking {
        let at = body.span();
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                if *op == SetOperator::Minus {
                    return Refused::clause("MINUS", "EXCEPT", at);
                }
                let by_name = matches!(
                    set_quantifier,
                    SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName
                );
                unless(by_name, "BY NAME", at)?;
                self.body(left)?;
                self.body(right)
            }
            SetExpr::Values(_) | SetExpr::Table(_) => Refused::clause("VALUES or TABLE", CLAUSES, at),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Refused::clause("a change of data", CLAUSES, at)
            }
        }
    }

    fn select(&mut self, select: &mut Select) -> Checking {
        let at = select.span();
        let Select {
            select_token: _,
            optimizer_hints,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        unless(into.is_some(), "INTO", at)?;
        unless(prewhere.is_some(), "PREWHERE (WHERE does the same)", at)?;
        unless(top.is_some() || exclude.is_some() || select_modifiers.is_some(), "TOP or a modifier", at)?;
        unless(!optimizer_hints.is_empty() || value_table_mode.is_some(), "a hint", at)?;
        unless(!lateral_views.is_empty() || !connect_by.is_empty(), "LATERAL VIEW or CONNECT BY", at)?;
        let hive = !cluster_by.is_empty() || !distribute_by.is_empty() || !sort_by.is_empty();
        unless(hive, "CLUSTER BY, DISTRIBUTE BY or SORT BY", at)?;
        unless(*flavor != SelectFlavor::Standard, "FROM in front of SELECT", at)?;
        match distinct {
            None | Some(Distinct::All | Distinct::Distinct) => {}
            Some(Distinct::On(on)) => self.all(on)?,
        }
        from.iter_mut().try_for_each(|table| self.tables(table))?;
        projection.iter_mut().try_for_each(|item| self.item(item))?;
        for condition in [selection, having, qualify].into_iter().flatten() {
            self.expression(condition)?;
        }
        self.group_by(group_by, at)?;
        named_window.iter_mut().try_for_each(|NamedWindowDefinition(name, window)| {
            quoted(name)?;
            match window {
                NamedWindowExpr::NamedWindow(other) => quoted(other),
                NamedWindowExpr::WindowSpec(window) => self.window(window),
            }
        })
    }

    fn item(&mut self, item: &mut SelectItem) -> Checking {
        let at = item.span();
        match item {
            SelectItem::UnnamedExpr(expr) => self.expression(expr),
            SelectItem::ExprWithAlias { expr, alias } => {
                self.give(alias)?;
                self.expression(expr)
            }
            SelectItem::Wildcard(options) => wildcard(options, at),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                unless(single(name).is_none(), "a name of several parts", at)?;
                columns(name)?;
                wildcard(options, at)
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(_), _) => {
                Refused::clause("an expression in front of .*", "`name.*`", at)
            }
            SelectItem::ExprWithAliases { .. } => Refused::clause("several aliases", "`AS name`", at),
        }
    }

    fn tables(&mut self, tables: &mut TableWithJoins) -> Checking {
        let TableWithJoins { relation, joins } = tables;
        self.table(relation)?;
        joins.iter_mut().try_for_each(|join| {
            let at = join.relation.span();
            let Join { relation, global, join_operator } = join;
            unless(*global, "GLOBAL", at)?;
            self.join(join_operator, at)?;
            self.table(relation)
        })
    }

    fn join(&mut self, join: &mut JoinOperator, at: Span) -> Checking {
        use JoinOperator as J;
        let constraint = match join {
            J::Join(on) | J::Inner(on) | J::Left(on) | J::LeftOuter(on) | J::Right(on) | J::RightOuter(on) => on,
            J::FullOuter(on) | J::CrossJoin(on) | J::LeftSemi(on) | J::RightSemi(on) => on,
            J::LeftAnti(on) | J::RightAnti(on) => on,
            J::ArrayJoin | J::LeftArrayJoin | J::InnerArrayJoin => {
                return Refused::clause("ARRAY JOIN", "the function arrayJoin", at);
            }
            J::Semi(_) | J::Anti(_) | J::CrossApply | J::OuterApply | J::AsOf { .. } | J::StraightJoin(_) => {
                return Refused::clause("this JOIN", "INNER, LEFT, RIGHT, FULL, CROSS, SEMI and ANTI JOIN", at);
            }
        };
        match constraint {
            JoinConstraint::On(condition) => self.expression(condition),
            JoinConstraint::Using(names) => names.iter_mut().try_for_each(columns),
            JoinConstraint::Natural => Refused::clause("NATURAL", "ON or USING", at),
            JoinConstraint::None => Ok(()),
        }
    }

    fn table(&mut self, table: &mut TableFactor) -> Checking {
        let at = table.span();
        match table {
            TableFactor::Table {
                name,
                alias: own,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
            } => {
                let odd = !with_hints.is_empty() || version.is_some() || *with_ordinality || !partitions.is_empty();
                let odd = odd || json_path.is_some() || sample.is_some() || !index_hints.is_empty();
                unless(odd, "a hint, a version, a sample or a part of a table", at)?;
                match args {
                    Some(args) => numbers(name, args, at),
                    None => self.named(name, own),
                }?;
                own.as_mut().map_or(Ok(()), alias)
            }
            TableFactor::Derived { lateral, subquery, alias: own, sample } => {
                unless(*lateral || sample.is_some(), "LATERAL or a sample", at)?;
                own.as_mut().map_or(Ok(()), alias)?;
                self.query(subquery)
            }
            // A library of many dialects: what is not named above is not known.
            _ => Refused::clause("this in FROM", "views, subqueries, names of WITH, numbers(n)", at),
        }
    }

    fn named(&self, name: &mut ObjectName, own: &mut Option<sqlparser::ast::TableAlias>) -> Checking {
        let (mut printed, own_name) = match self.source(name)? {
            Source::View(view) => (Ident::new(view), view.to_owned()),
            Source::With(printed) => {
                let own_name = single(name).map_or_else(String::new, |ident| ident.value.clone());
                (Ident::new(printed), own_name)
            }
        };
        quoted(&mut printed)?;
        if own.is_none() {
            let mut own_name = Ident::new(own_name);
            quoted(&mut own_name)?;
            *own = called(own_name);
        }
        *name = ObjectName::from(vec![printed]);
        Ok(())
    }

    fn group_by(&mut self, group_by: &mut GroupByExpr, at: Span) -> Checking {
        let modifiers = match group_by {
            GroupByExpr::All(modifiers) => modifiers,
            GroupByExpr::Expressions(by, modifiers) => {
                self.all(by)?;
                modifiers
            }
        };
        if modifiers.iter().any(|modifier| matches!(modifier, GroupByWithModifier::Totals)) {
            // The engine tells totals beside the rows, where most forms of an answer have no place.
            return Refused::clause("WITH TOTALS", "WITH ROLLUP, which has the totals among the rows", at);
        }
        let sets = modifiers.iter().any(|modifier| matches!(modifier, GroupByWithModifier::GroupingSets(_)));
        unless(sets, "GROUPING SETS", at)
    }

    pub(super) fn order_by(&mut self, order_by: &mut OrderBy, at: Span) -> Checking {
        let OrderBy { kind, interpolate } = order_by;
        unless(interpolate.is_some(), "INTERPOLATE", at)?;
        match kind {
            OrderByKind::All(options) => direction(options, at),
            OrderByKind::Expressions(by) => self.ordered(by),
        }
    }

    fn ordered(&mut self, by: &mut [OrderByExpr]) -> Checking {
        by.iter_mut().try_for_each(|by| {
            let at = by.expr.span();
            let OrderByExpr { expr, options, with_fill } = by;
            direction(options, at)?;
            self.expression(expr)?;
            let fill = with_fill.iter_mut().flat_map(|fill| [&mut fill.from, &mut fill.to, &mut fill.step]);
            fill.flatten().try_for_each(|bound| self.expression(bound))
        })
    }

    fn limit(&mut self, limit: &mut LimitClause) -> Checking {
        match limit {
            LimitClause::LimitOffset { limit, offset, limit_by } => {
                limit.as_mut().map_or(Ok(()), |limit| self.expression(limit))?;
                if let Some(Offset { value, rows: _ }) = offset {
                    self.expression(value)?;
                }
                self.all(limit_by)
            }
            LimitClause::OffsetCommaLimit { offset, limit } => {
                self.expression(offset)?;
                self.expression(limit)
            }
        }
    }

    pub(super) fn window(&mut self, window: &mut WindowSpec) -> Checking {
        let WindowSpec { window_name, partition_by, order_by, window_frame } = window;
        window_name.as_mut().map_or(Ok(()), quoted)?;
        self.all(partition_by)?;
        self.ordered(order_by)?;
        let Some(frame) = window_frame else { return Ok(()) };
        [Some(&mut frame.start_bound), frame.end_bound.as_mut()].into_iter().flatten().try_for_each(|bound| match bound
        {
            WindowFrameBound::CurrentRow | WindowFrameBound::Preceding(None) | WindowFrameBound::Following(None) => {
                Ok(())
            }
            WindowFrameBound::Preceding(Some(rows)) | WindowFrameBound::Following(Some(rows)) => self.expression(rows),
        })
    }
}

/// `numbers(n)` and `numbers(from, n)`: the one table function, and only with numbers.
fn numbers(name: &ObjectName, args: &TableFunctionArgs, at: Span) -> Checking {
    let TableFunctionArgs { args, settings } = args;
    let is_plain = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(sqlparser::ast::Expr::Value(value))) => {
            matches!(&value.value, Value::Number(digits, false) if is_number(digits))
        }
        _ => false,
    };
    let own = single(name).is_some_and(|name| name.value == "numbers" && name.quote_style.is_none());
    if own && settings.is_none() && matches!(args.len(), 1 | 2) && args.iter().all(is_plain) {
        return Ok(());
    }
    Err(Refused::new(
        "table",
        format!("the table function {:?} is not allowed", name.to_string()),
        "numbers(n) with a number",
        at,
    ))
}

fn direction(options: &OrderByOptions, at: Span) -> Checking {
    let OrderByOptions { sort, nulls_first: _ } = options;
    match sort {
        None | Some(OrderBySort::Asc | OrderBySort::Desc) => Ok(()),
        Some(OrderBySort::Using(_)) => Refused::clause("USING", "ASC or DESC", at),
    }
}

fn wildcard(options: &mut WildcardAdditionalOptions, at: Span) -> Checking {
    let WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike,
        opt_exclude,
        opt_except,
        opt_replace,
        opt_rename,
        opt_alias,
    } = options;
    let odd = opt_ilike.is_some() || opt_exclude.is_some() || opt_replace.is_some();
    unless(odd || opt_rename.is_some() || opt_alias.is_some(), "this behind *", at)?;
    let Some(ExceptSelectItem { first_element, additional_elements }) = opt_except else { return Ok(()) };
    quoted(first_element)?;
    additional_elements.iter_mut().try_for_each(quoted)
}

/// The parts of a column's name.
fn columns(name: &mut ObjectName) -> Checking {
    let at = name.span();
    name.0.iter_mut().try_for_each(|part| match part {
        ObjectNamePart::Identifier(ident) => quoted(ident),
        ObjectNamePart::Function(_) => Refused::clause("a function as a name", "names of columns", at),
    })
}
