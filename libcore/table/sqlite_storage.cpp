// SPDX-License-Identifier: MIT
#include "table/sqlite_storage.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "ring/requests.hpp"
#include "table/statement.hpp"
#include "wire/codec.hpp"

namespace coord::table {

namespace {

using ring::Dot;
using ring::Entry;

constexpr std::uint64_t application = 0x436f5269;  // "CoRi"
constexpr std::uint64_t format = 1;
constexpr std::size_t dropped_at_once = 64;  // values may be large

// Values stand apart from the entries, so that listings do not read them. Numbers of writes and changes begin
// at the time, about a million of them a second: a file in the place of one that was lost gives none twice.
// So do lives, whose last ten bits are in names: such a file hardly gives those of the one before either.
constexpr char schema[] = R"(
  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE entries (ring BLOB NOT NULL, key BLOB NOT NULL, entry BLOB NOT NULL, change INTEGER NOT NULL,
    live INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (ring, key)) WITHOUT ROWID;
  CREATE INDEX by_change ON entries (ring, change);
  CREATE TABLE contents (ring BLOB NOT NULL, key BLOB NOT NULL, host INTEGER NOT NULL, number INTEGER NOT NULL,
    value BLOB NOT NULL);
  CREATE UNIQUE INDEX by_version ON contents (ring, key, host, number);
  INSERT INTO counters SELECT name, strftime('%s', 'now') << 20
    FROM (SELECT 'write' AS name UNION ALL SELECT 'change');
  INSERT INTO counters SELECT 'life', CAST(strftime('%s', 'now') AS INTEGER);
)";

// The first string behind all that begin with `prefix`; none: there is no end.
std::optional<std::string> behind(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (prefix.empty()) return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

Status execute(sqlite3* database, const std::string& path, const std::string& text) {
  if (sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return done();
  return error_of(database, path);
}

Result<std::uint64_t> pragma(sqlite3* database, const std::string& path, const char* text) {
  auto statement = Statement::prepare(database, path, text);
  if (!statement) return statement.error();
  auto row = statement->step();
  if (!row) return row.error();
  return *row ? statement->number(0) : 0;
}

class SqliteStorage final : public ring::Storage {
 public:
  SqliteStorage(Database database, std::string path)
      : database_(std::move(database)), path_(std::move(path)) {}

  Status prepare();

  Status begin() override { return begin_.run(); }
  Status commit() override { return commit_.run(); }
  void roll_back() override {
    if (sqlite3_get_autocommit(database_.get()) == 0)
      static_cast<void>(execute(database_.get(), path_, "ROLLBACK"));
  }

  Result<std::uint64_t> last_write() override { return counter("write"); }
  Result<std::uint64_t> last_change() override { return counter("change"); }
  Status set_last_write(std::uint64_t number) override { return set_counter("write", number); }
  Result<std::uint64_t> last_life() override { return counter("life"); }
  Status set_last_life(std::uint64_t life) override { return set_counter("life", life); }

  Result<std::optional<Entry>> find(const std::string& ring, const std::string& key) override;
  Status keep(const std::string& ring, const std::string& key, const Entry& entry) override;
  Status forget_removed() override { return forget_removed_.run(); }
  Status keep_value(const std::string& ring, const std::string& key, const Dot& dot,
                    ByteView value) override {
    return keep_value_.bind(1, ring)
        .bind(2, key)
        .bind(3, dot.host.value)
        .bind(4, dot.number)
        .bind(5, value)
        .run();
  }
  Status drop_value(const std::string& ring, const std::string& key, const Dot& dot) override {
    return drop_value_.bind(1, ring).bind(2, key).bind(3, dot.host.value).bind(4, dot.number).run();
  }
  Result<Bytes> value(const std::string& ring, const std::string& key, const Dot& dot, std::uint64_t offset,
                      std::size_t most) override;
  Result<std::vector<Row>> keys_after(const std::string& ring, const std::string& prefix,
                                      const std::string& after, std::size_t most) override;
  Result<std::vector<Row>> entries_after(const std::string& ring, const std::string& prefix,
                                         const std::string& after, std::size_t most) override;
  Result<std::vector<std::string>> joined_rings() override;
  Result<bool> drop_some(const std::string& ring) override;
  Result<std::map<std::string, std::uint64_t>> memberships() override;
  Status set_membership(const std::string& ring, std::uint64_t joined) override;
  Result<std::vector<Row>> removed_after(const std::string& ring, const std::string& after,
                                         std::size_t most) override {
    removed_.bind(1, ring).bind(2, after).bind(3, std::uint64_t{most});
    return rows_of(removed_);
  }
  Result<std::vector<Row>> changes_after(const std::string& ring, std::uint64_t change,
                                         std::size_t most) override;
  Result<Totals> totals(const std::string& ring) override;
  Result<Totals> totals_of_all_rings(const std::string& prefix) override;
  Result<std::uint64_t> bytes_on_disk() override;

 private:
  Result<std::uint64_t> counter(std::string_view name);
  Status set_counter(std::string_view name, std::uint64_t value) {
    return set_counter_.bind(1, static_cast<std::int64_t>(value)).bind(2, name).run();
  }
  Result<Entry> entry_of(ByteView bytes) const;
  Result<std::vector<Row>> rows_of(Statement& statement);

  Database database_;
  std::string path_;
  Statement begin_, commit_, counter_, set_counter_, find_, keep_, forget_, forget_removed_, keep_value_,
      drop_value_, value_, keys_, keys_to_, entries_, removed_, changes_, totals_, all_totals_, memberships_,
      set_membership_, end_membership_, joined_rings_, drop_values_, drop_entries_;
};

Status SqliteStorage::prepare() {
  const std::pair<Statement*, const char*> all[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&counter_, "SELECT value FROM counters WHERE name = CAST(? AS TEXT)"},
      {&set_counter_,
       "INSERT INTO counters (value, name) VALUES (?, CAST(? AS TEXT)) "
       "ON CONFLICT (name) DO UPDATE SET value = excluded.value"},
      {&find_, "SELECT entry FROM entries WHERE ring = ? AND key = ?"},
      {&keep_, "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?)"},
      {&forget_, "DELETE FROM entries WHERE ring = ? AND key = ?"},
      {&forget_removed_, "DELETE FROM entries WHERE live = 0 AND substr(ring, 1, 1) <> x'00'"},
      {&entries_,
       "SELECT key, entry, change FROM entries WHERE ring = ? AND key > ? AND key >= ? ORDER BY key LIMIT ?"},
      {&removed_,
       "SELECT key, entry, change FROM entries WHERE ring = ? AND key > ? AND live = 0 ORDER BY key LIMIT ?"},
      {&memberships_, "SELECT substr(name, 8), value FROM counters WHERE name LIKE 'member %'"},
      {&set_membership_, "INSERT OR REPLACE INTO counters VALUES ('member ' || CAST(? AS TEXT), ?)"},
      {&end_membership_, "DELETE FROM counters WHERE name = 'member ' || CAST(? AS TEXT)"},
      // From one to the next by the index, not past all of their entries.
      {&joined_rings_,
       "WITH RECURSIVE rings(ring) AS (SELECT min(ring) FROM entries WHERE ring >= x'00' AND ring < x'01' "
       "UNION ALL "
       "SELECT (SELECT min(ring) FROM entries WHERE ring > rings.ring AND ring < x'01') FROM rings "
       "WHERE ring IS NOT NULL) SELECT ring FROM rings WHERE ring IS NOT NULL"},
      {&drop_values_,
       "DELETE FROM contents WHERE rowid IN (SELECT rowid FROM contents WHERE ring = ? LIMIT ?)"},
      {&drop_entries_,
       "DELETE FROM entries WHERE ring = ? AND key IN (SELECT key FROM entries WHERE ring = ? LIMIT ?)"},
      {&keep_value_, "INSERT INTO contents VALUES (?, ?, ?, ?, ?)"},
      {&drop_value_, "DELETE FROM contents WHERE ring = ? AND key = ? AND host = ? AND number = ?"},
      {&value_,
       "SELECT substr(value, ?, ?) FROM contents WHERE ring = ? AND key = ? AND host = ? AND number = ?"},
      {&keys_,
       "SELECT key, entry, change FROM entries WHERE ring = ? AND key > ? AND key >= ? AND live > 0 ORDER BY "
       "key LIMIT ?"},
      {&keys_to_,
       "SELECT key, entry, change FROM entries WHERE ring = ? AND key > ? AND key >= ? AND live > 0 AND key "
       "< ? "
       "ORDER BY key LIMIT ?"},
      {&changes_,
       "SELECT key, entry, change FROM entries WHERE ring = ? AND change > ? ORDER BY change LIMIT ?"},
      // Ring by ring, by the index; not those of memberships that are over.
      {&all_totals_,
       "WITH RECURSIVE rings(ring) AS (SELECT min(ring) FROM entries UNION ALL "
       "SELECT (SELECT min(ring) FROM entries WHERE ring > rings.ring) FROM rings WHERE ring IS NOT NULL) "
       "SELECT count(*), total(bytes) FROM rings CROSS JOIN entries ON entries.ring = rings.ring "
       "AND key >= ? AND key < ? AND live > 0 WHERE substr(rings.ring, 1, 1) <> x'00' OR rings.ring IN "
       "(SELECT CAST(x'00' || substr(name, 8) || x'00' || value AS BLOB) FROM counters "
       "WHERE name LIKE 'member %')"},
      {&totals_, "SELECT count(*), total(bytes), total(live > 1) FROM entries WHERE ring = ? AND live > 0"}};
  for (const auto& [statement, text] : all) {
    auto prepared = Statement::prepare(database_.get(), path_, text);
    if (!prepared) return prepared.error();
    *statement = std::move(*prepared);
  }
  return done();
}

Result<std::uint64_t> SqliteStorage::counter(std::string_view name) {
  auto row = counter_.bind(1, name).step();
  if (!row) return row.error();
  const std::uint64_t value = *row ? counter_.number(0) : 0;
  counter_.reset();
  return value;
}

Result<Entry> SqliteStorage::entry_of(ByteView bytes) const {
  auto entry = wire::decode<Entry>(bytes);
  if (entry) return entry;
  return Error{ErrorKind::unavailable, path_,
               fmt::format("it holds an entry that cannot be read: {}", entry.error().what),
               "move it away, and join again, or load a dump into a ring of this host alone"};
}

Result<std::optional<Entry>> SqliteStorage::find(const std::string& ring, const std::string& key) {
  auto row = find_.bind(1, ring).bind(2, key).step();
  if (!row) return row.error();
  std::optional<Result<Entry>> entry;
  if (*row) entry = entry_of(find_.bytes(0));
  find_.reset();
  if (!entry) return std::optional<Entry>();
  if (!*entry) return entry->error();
  return std::optional<Entry>(std::move(**entry));
}

Status SqliteStorage::keep(const std::string& ring, const std::string& key, const Entry& entry) {
  if (entry.versions.empty()) return forget_.bind(1, ring).bind(2, key).run();
  auto last = last_change();
  if (!last) return last.error();
  if (Status set = set_counter("change", *last + 1); !set) return set;
  std::uint64_t live = 0, bytes = 0;
  for (const ring::Version& version : entry.versions) {
    live += version.removed ? 0 : 1;
    bytes += version.size;
  }
  const Bytes encoded = wire::encode(entry);
  return keep_.bind(1, ring)
      .bind(2, key)
      .bind(3, ByteView(encoded))
      .bind(4, *last + 1)
      .bind(5, live)
      .bind(6, bytes)
      .run();
}

Result<Bytes> SqliteStorage::value(const std::string& ring, const std::string& key, const Dot& dot,
                                   std::uint64_t offset, std::size_t most) {
  value_.bind(1, offset + 1).bind(2, std::uint64_t{most}).bind(3, ring).bind(4, key);
  auto row = value_.bind(5, dot.host.value).bind(6, dot.number).step();
  if (!row) return row.error();
  if (!*row) {
    value_.reset();
    return Error{ErrorKind::unavailable, path_, "it lacks the value of a version that it names",
                 "move it away, and join again, or load a dump into a ring of this host alone"};
  }
  const ByteView bytes = value_.bytes(0);
  Bytes value(bytes.begin(), bytes.end());
  value_.reset();
  return value;
}

Result<std::vector<ring::Storage::Row>> SqliteStorage::rows_of(Statement& statement) {
  std::vector<Row> rows;
  for (;;) {
    auto row = statement.step();
    if (!row) return row.error();
    if (!*row) break;
    auto entry = entry_of(statement.bytes(1));
    if (!entry) {
      statement.reset();
      return entry.error();
    }
    rows.push_back({statement.string(0), std::move(*entry), statement.number(2)});
  }
  statement.reset();
  return rows;
}

Result<std::vector<ring::Storage::Row>> SqliteStorage::keys_after(const std::string& ring,
                                                                  const std::string& prefix,
                                                                  const std::string& after,
                                                                  std::size_t most) {
  const auto end = behind(prefix);
  Statement& statement = end ? keys_to_ : keys_;
  statement.bind(1, ring).bind(2, after).bind(3, prefix);
  if (end) {
    statement.bind(4, *end).bind(5, std::uint64_t{most});
  } else {
    statement.bind(4, std::uint64_t{most});
  }
  return rows_of(statement);
}

Result<std::vector<ring::Storage::Row>> SqliteStorage::entries_after(const std::string& ring,
                                                                     const std::string& prefix,
                                                                     const std::string& after,
                                                                     std::size_t most) {
  entries_.bind(1, ring).bind(2, after).bind(3, prefix).bind(4, std::uint64_t{most});
  auto rows = rows_of(entries_);
  if (!rows) return rows;
  std::erase_if(*rows, [&](const Row& row) { return !row.key.starts_with(prefix); });
  return rows;
}

Result<std::vector<std::string>> SqliteStorage::joined_rings() {
  std::vector<std::string> rings;
  for (;;) {
    auto row = joined_rings_.step();
    if (!row) return row.error();
    if (!*row) break;
    rings.push_back(joined_rings_.string(0));
  }
  joined_rings_.reset();
  return rings;
}

// Values first: as long as there are any, an entry says whose they are.
Result<bool> SqliteStorage::drop_some(const std::string& ring) {
  if (Status did = drop_values_.bind(1, ring).bind(2, std::uint64_t{dropped_at_once}).run(); !did)
    return did.error();
  if (sqlite3_changes(database_.get()) > 0) return true;
  if (Status did = drop_entries_.bind(1, ring).bind(2, ring).bind(3, std::uint64_t{dropped_at_once}).run();
      !did)
    return did.error();
  return sqlite3_changes(database_.get()) > 0;
}

Result<std::map<std::string, std::uint64_t>> SqliteStorage::memberships() {
  std::map<std::string, std::uint64_t> all;
  for (;;) {
    auto row = memberships_.step();
    if (!row) return row.error();
    if (!*row) break;
    all.emplace(memberships_.string(0), memberships_.number(1));
  }
  memberships_.reset();
  return all;
}

Status SqliteStorage::set_membership(const std::string& ring, std::uint64_t joined) {
  if (joined == 0) return end_membership_.bind(1, ring).run();
  return set_membership_.bind(1, ring).bind(2, joined).run();
}

Result<std::vector<ring::Storage::Row>> SqliteStorage::changes_after(const std::string& ring,
                                                                     std::uint64_t change, std::size_t most) {
  changes_.bind(1, ring).bind(2, change).bind(3, std::uint64_t{most});
  return rows_of(changes_);
}

Result<ring::Storage::Totals> SqliteStorage::totals(const std::string& ring) {
  auto row = totals_.bind(1, ring).step();
  if (!row) return row.error();
  const Totals totals{totals_.number(0), totals_.number(1), totals_.number(2)};
  totals_.reset();
  return totals;
}

Result<ring::Storage::Totals> SqliteStorage::totals_of_all_rings(const std::string& prefix) {
  const std::string end = behind(prefix).value_or(std::string());
  auto row = all_totals_.bind(1, prefix).bind(2, end).step();
  if (!row) return row.error();
  const Totals totals{all_totals_.number(0), all_totals_.number(1), 0};
  all_totals_.reset();
  return totals;
}

Result<std::uint64_t> SqliteStorage::bytes_on_disk() {
  std::uint64_t bytes = 0;
  for (const char* suffix : {"", "-wal"}) {
    struct stat file {};
    if (::stat((path_ + suffix).c_str(), &file) == 0) bytes += static_cast<std::uint64_t>(file.st_size);
  }
  return bytes;
}

// Whose file it is. A new one is made ours.
Status make_or_check(sqlite3* database, const std::string& path) {
  auto id = pragma(database, path, "PRAGMA application_id");
  if (!id) return id.error();
  auto version = pragma(database, path, "PRAGMA user_version");
  if (!version) return version.error();
  auto tables = pragma(database, path, "SELECT count(*) FROM sqlite_schema");
  if (!tables) return tables.error();
  if (*id == 0 && *version == 0 && *tables == 0) {
    return execute(
        database, path,
        fmt::format("BEGIN IMMEDIATE; PRAGMA application_id = {}; PRAGMA user_version = {};{}COMMIT",
                    application, format, schema));
  }
  if (*id != application) {
    return Error{ErrorKind::unavailable, path, "it is another program's", "move it away"};
  }
  if (*version != format) {
    return Error{ErrorKind::unavailable, path,
                 fmt::format("it is of format {}, of a later release", *version), "install that one"};
  }
  return done();
}

}  // namespace

Result<std::unique_ptr<ring::Storage>> open_sqlite(const std::string& path) {
  // Values are for nobody but this peer's user: SQLite's other files get the same mode.
  if (const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)); !file.is_open()) {
    return Error{ErrorKind::unavailable, path, std::string("cannot be opened: ") + std::strerror(errno),
                 "make the state directory writable"};
  }
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(
      path.c_str(), &opened,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  Database database(opened);
  if (code != SQLITE_OK) return error_of(database.get(), path);
  for (const char* setting : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
                              "PRAGMA cache_size = -2048", "PRAGMA trusted_schema = OFF"}) {
    if (Status set = execute(database.get(), path, setting); !set) return set.error();
  }
  if (Status ours = make_or_check(database.get(), path); !ours) return ours.error();
  const Status indexed = execute(database.get(), path,
                                 "CREATE INDEX IF NOT EXISTS removed ON entries (ring, key) WHERE live = 0");
  if (!indexed) return indexed.error();
  auto storage = std::make_unique<SqliteStorage>(std::move(database), path);
  if (Status prepared = storage->prepare(); !prepared) return prepared.error();
  return std::unique_ptr<ring::Storage>(std::move(storage));
}

}  // namespace coord::table
