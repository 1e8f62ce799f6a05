// SPDX-License-Identifier: MIT
// What the log is to PostgreSQL, in its language. Of postgres.cpp only.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace coord::engines::sql {

// In the order of `statements`.
enum Statement : std::size_t { add, seal, make, keep, load, entries, head, written_head };
inline constexpr std::array<const char*, 8> statements{
    // The prefix, the log, the epoch, the key, the bytes, the channel.
    "with h as (update coordutils_head set last = last + 1 where prefix = $1::text and log = $2::text and "
    "epoch = "
    "$3::bigint and not exists (select from coordutils_log where prefix = $1::text and epoch = $3::bigint "
    "and key = "
    "$4::text) returning last), i as (insert into coordutils_log (prefix, position, epoch, key, entry) "
    "select "
    "$1::text, h.last, $3::bigint, $4::text, $5::bytea from h returning position) select "
    "pg_notify($6::text, position::text) from i",
    // The prefix, the log, the epoch, the channel.
    "with h as (update coordutils_head set last = last + 1, epoch = epoch + 1 where prefix = $1::text and "
    "log = "
    "$2::text and epoch = $3::bigint returning last), i as (insert into coordutils_log (prefix, position, "
    "epoch, key, "
    "entry) select $1::text, h.last, $3::bigint, '~', '' from h returning position) select "
    "pg_notify($4::text, "
    "position::text) from i",
    // The prefix, the log, the state.
    "with h as (insert into coordutils_head (prefix, log, epoch, last, state_epoch, state_position, state) "
    "values "
    "($1::text, $2::text, 1, 1, 1, 1, $3::bytea) on conflict do nothing returning prefix) delete from "
    "coordutils_log "
    "where prefix in (select prefix from h)",
    // The prefix, the log, the epoch, the position, the state. The seal behind which it begins stays: by that
    // whoever follows knows this log from another one of the same length.
    "with h as (update coordutils_head set state_epoch = $3::bigint, state_position = $4::bigint, state = "
    "$5::bytea "
    "where prefix = $1::text and log = $2::text and state_epoch < $3::bigint and epoch >= $3::bigint "
    "returning prefix) "
    "delete from coordutils_log where prefix in (select prefix from h) and position < $4::bigint",
    "select log, state_epoch::text, state_position::text, state, coalesce((select e.xmin::text from "
    "coordutils_log e where e.prefix = h.prefix and e.position = h.state_position), '') "
    "from coordutils_head h where prefix = $1::text",
    // The prefix, the last position that is known: with its row, if it is there, and what has written each.
    // Sorted by the column's number, not by the text that is answered.
    "select position::text, epoch::text, key, entry, xmin::text from coordutils_log where prefix = $1::text "
    "and position >= $2::bigint order by coordutils_log.position limit 256",
    "select log, last::text, coalesce((select e.xmin::text from coordutils_log e where e.prefix = h.prefix "
    "and e.position = h.last), '') from coordutils_head h where prefix = $1::text",
    "update coordutils_head h set last = last where prefix = $1::text returning log, last::text, "
    "coalesce((select e.xmin::text from coordutils_log e where e.prefix = h.prefix and e.position = h.last), "
    "'')"};

// Of `add`, where it first says so: nothing gets into an epoch that is sealed.
inline constexpr std::string_view of_the_open_epoch = "epoch = $3::bigint and ";
static_assert(std::string_view(statements[add]).find("$2::text and epoch = $3::bigint and not exists") !=
              std::string_view::npos);

inline constexpr char tables[] =
    "do $$ begin if to_regclass('coordutils_log') is null then perform pg_advisory_xact_lock(7242069281); "
    "create table "
    "if not exists coordutils_head (prefix text primary key, log text not null, epoch bigint not null, last "
    "bigint not "
    "null, state_epoch bigint not null, state_position bigint not null, state bytea not null); create table "
    "if not "
    "exists coordutils_log (prefix text, position bigint, epoch bigint not null, key text not null, entry "
    "bytea not "
    "null, primary key (prefix, position), unique (prefix, epoch, key)); end if; end $$";

}  // namespace coord::engines::sql
