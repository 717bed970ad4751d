-- One object among millions: an exact list of names leads to the few granules that have it (docs/adr/0010). Statements about one
-- object leave the key aside (`use_primary_key = 0`): to narrow it by an object, each hour of each part is looked at, which
-- costs more than all the rest. It takes the place of the filter of names.
ALTER TABLE kube_event ADD INDEX IF NOT EXISTS name_found name TYPE text(tokenizer = 'array');
ALTER TABLE kube_event DROP INDEX IF EXISTS name_known;
ALTER TABLE kube_event MATERIALIZE INDEX IF EXISTS name_found;
