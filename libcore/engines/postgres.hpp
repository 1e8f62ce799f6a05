// SPDX-License-Identifier: MIT
// The log in PostgreSQL, version 12 or later, by its own protocol (3.0): libpq has sockets of its own, looks
// names up while everybody waits, and would be loaded by all who have coordd, or be a module of its own.
//
//   coordutils_head   a row a log: which one it is, the epoch that is open,
//                     the number of the last entry, and the state
//                     with which an epoch begins
//   coordutils_log    a row an entry: its number, epoch, key (`~`: the seal), bytes
//
// Problem: a sequence numbers rows in the order in which they were written, not in that of their commits; who
// reads behind the largest number misses what commits later. Here each append changes the log's row in
// coordutils_head, and so holds its lock to the end of its transaction, which is one statement: the next
// number is given when the one before it is committed, or is free again. So numbers have no gaps, are visible
// in their order, and a missing one is a trim.
//
// Followed is by NOTIFY, which says only that there is something. A barrier reads the log's row; where
// commits wait for a standby it writes it, too: a primary that was deposed can answer reads,
// but commits nothing.
//
// A dump may be restored while the server goes on, and numbers come again: other rows may stand in the place
// of those that were lost. The transaction that has written a row (xmin) is another one then. So what was
// told last is read again together with what is behind it, and compared.
//
// What is not believed: a standby, a session with synchronous_commit off, a server with fsync off.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "engines/adapter.hpp"
#include "engines/scram.hpp"
#include "engines/window.hpp"

namespace coord::engines {

class Postgres final : public Adapter {
 public:
  Postgres(Access access, std::string host, bool tls);

  void begin(Instant now) override;
  void receive(Instant now, ByteView bytes) override;
  void ask(Instant now, const engine::Request& request) override;
  void tick(Instant now) override;
  std::optional<Instant> deadline() const override;

  // What asks a server for TLS, before all else; it answers with one byte, `S`.
  static Bytes tls_request();

 private:
  enum class Kind : std::uint8_t {
    greeting,
    settings,
    tables,
    prepare,
    load,
    entries,
    head,
    append,
    change,
    size  // of the database
  };
  using Row = std::vector<Bytes>;
  struct Call {
    Kind kind{};
    Instant sent;
    std::uint64_t number = 0;  // of a load, or the ticket of a barrier
    Duration patience{};       // more than the usual one: it is long
    std::vector<Row> rows{};
    std::size_t size = 0;  // of the rows
    std::string failure{}, code{};
  };
  struct Waiting {
    std::uint64_t ticket = 0, need = 0;
  };

  void message(char type, const Bytes& body);
  void query(Instant now, Kind kind, const std::string& text);
  void execute(Instant now, Kind kind, std::size_t statement, const std::vector<Bytes>& values,
               std::uint64_t number = 0);
  void take_message(Instant now, char type, ByteView body);
  void authenticate(ByteView body);
  void fail(ByteView body);
  void answered(Instant now, Call&& call);
  void failed(Instant now, const Call& call);
  void append(Instant now, const engine::Append& append);
  void append_next(Instant now);
  Instant silent_at() const;
  void refuse(const std::string& why);
  void take_settings(Instant now, const Call& call);
  void prepare(Instant now);
  void take_load(Instant now, const Call& call);
  void take_entries(Instant now, const Call& call);
  void take_head(Instant now, const Call& call);
  bool deliver(const Row& row);
  bool is_last(const Row& row) const;
  void fetch(Instant now);
  void ask_head(Instant now, std::uint64_t ticket);
  void reach();
  void gap();

  const Access access_;
  const std::string host_;
  const bool tls_;
  std::string database_, prefix_, channel_;
  Scram scram_;
  bool scram_begun_ = false, proven_ = false;
  Bytes in_;
  std::deque<Call> calls_;
  Window appends_;
  Instant heard_at_{};  // anything at all
  About about_;
  std::optional<Instant> about_at_;
  bool has_standbys_ = false;
  bool closed_ = false;

  std::string log_;
  std::uint64_t loads_ = 0, load_ticket_ = 0;
  bool following_ = false;
  std::uint64_t epoch_ = 0, last_ = 0;
  std::string last_row_;  // what has written it; empty: none was told, and the log begins there
  bool fetching_ = false, more_ = false;
  std::vector<Waiting> waiting_;
};

}  // namespace coord::engines
