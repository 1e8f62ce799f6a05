// SPDX-License-Identifier: MIT
// The log in Consul, version 1.7 or later, by its HTTP interface.
//
//   PREFIX head                        LOG EPOCH LAST: which log it is, the epoch that is open, the number of
//   the last entry PREFIX LOG/entry/BUCKET/NUMBER     an entry, or a seal PREFIX LOG/key/EPOCH/KEY the keys
//   of an epoch's entries PREFIX LOG/state                   where the newest state is: EPOCH WRITER PIECES
//   POSITION PREFIX LOG/piece/EPOCH/WRITER/N    its pieces
//
// Problem: Consul has no order that could be read from some place on. Its index grows with each write, but
// keys are listed by their names only; and what waits for a prefix to change is told all that is there.
//
// The way here: entries have numbers of our own, and an append is a transaction that moves `head` on from the
// index at which it was read (check and set): of two, one is refused and tries the next number. So numbers
// have no gaps, an epoch that is open is open to the end of the append, and a missing number is a trim. What
// waits here go into one transaction together. Followed is by a query that blocks until `head` is changed, on
// a connection of its own: HTTP/1.1 answers in the order of its questions.
//
// A position is an entry's number. What was written here right behind what was told last is told when Consul
// has acknowledged it: nothing can be between.
//
// `consul snapshot restore` works on servers that live, so no connection breaks, and numbers come again:
// others' entries may stand in the place of those that were lost. Consul's own index (ModifyIndex) does not
// come again. So that of what was told last is kept, and compared with each `head` of the same number and
// with that entry, which is asked for together with those behind it.
//
// Which answers are not believed:
//   - a read's of the usual kind: a leader that was deposed may give one. Barriers, states and entries
//     are read with
//     `consistent`, which a quorum has confirmed;
//   - the blocking query's, but that there is something to ask for;
//   - a session's, and its lock delay: none is used.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "engines/adapter.hpp"
#include "engines/consul_calls.hpp"
#include "engines/http1.hpp"
#include "engines/marks.hpp"

namespace coord::engines {

// So many entries are removed together.
inline constexpr unsigned bits_of_a_bucket = 12;

class Consul final : public Adapter {
 public:
  Consul(Access access, std::string host);

  unsigned lines() const override { return 2; }
  void begin(Instant now) override;
  void receive(Instant now, ByteView bytes) override { receive_on(now, asks, bytes); }
  void receive_on(Instant now, unsigned line, ByteView bytes) override;
  void ask(Instant now, const engine::Request& request) override;
  void tick(Instant now) override;
  std::optional<Instant> deadline() const override;

 private:
  enum : unsigned { asks = 0, waits = 1 };
  enum class Kind : std::uint8_t {
    which,    // log it is, on the way in
    newest,   // state there is
    piece,    // of it
    entries,  // behind what was told
    barrier,  // how many entries are there?
    head,     // likewise, to append behind it
    change,   // entries, or a seal
    made,     // a log
    put,      // a piece is there
    before,   // the state that was kept before
    kept,     // the pointer to a new one
    list,     // what there is of older ones
    clear,    // away what nobody needs
    version,
    leader,
    watch,
  };
  struct Call {
    Kind kind{};
    Instant sent;
    std::uint64_t number = 0;   // of a load, or the ticket of a barrier
    std::uint64_t told = 0;     // when it was sent, up to here
    std::uint64_t changed = 0;  // that entry's index, if it is asked for as well
  };
  struct Head {
    std::string log;
    std::uint64_t epoch = 0, last = 0, changed = 0;
  };
  struct Kept {  // a state
    std::uint64_t epoch = 0, changed = 0;
    marks::Pointer where;
  };
  struct Loading {
    std::uint64_t ticket = 0, number = 0;
    Kept state;
    std::size_t pieces_here = 0;
    std::string bytes;
  };
  struct Item {  // to be appended
    bool seals = false;
    std::uint64_t epoch = 0;
    std::string key, bytes;
  };
  struct Waiting {  // a barrier
    std::uint64_t ticket = 0, need = 0;
  };
  struct Keeping {
    engine::Keep what;
    std::string folder;
    std::size_t next = 0;
    unsigned tries = 0;
  };
  struct Trim {  // what is older than the state that was kept last
    std::uint64_t epoch = 0, position = 0;
    std::uint64_t changed = 0;  // the pointer to that
  };

  void call(Instant now, Kind kind, std::string_view method, const std::string& target,
            std::string_view body = {}, std::uint64_t number = 0);
  void get(Instant now, Kind kind, const std::string& key, std::uint64_t number = 0);
  void transact(Instant now, Kind kind, const consul::Transaction& change);
  void answered(Instant now, const Call& call, const http1::Answer& answer);
  void answered_well(Instant now, const Call& call, const http1::Answer& answer);
  void failed(Instant now, const Call& call, const http1::Answer& answer);
  void forbidden(const Call& call, const std::string& text);
  void unasked(const http1::Answer& answer);
  void unreadable();
  Instant silent_at() const;
  void refuse(const std::string& why);
  void damaged();
  void take_about(Instant now, const Call& call, const http1::Answer& answer);
  std::optional<Head> head_in(const http1::Answer& answer) const;
  std::optional<Kept> state_in(const http1::Answer& answer) const;

  // ---- consul_reading.cpp
  void load(Instant now, std::uint64_t ticket);
  void load_again(Instant now);
  void take_which(Instant now, const http1::Answer& answer);
  void take_newest(Instant now, const http1::Answer& answer);
  void take_piece(Instant now, const http1::Answer& answer);
  void ask_piece(Instant now);
  void watch(Instant now);
  void expect_watch(Instant now, std::uint64_t changed);
  void watched(Instant now, const http1::Answer& answer);
  void fetch(Instant now);
  void take_entries(Instant now, const Call& call, const http1::Answer& answer);
  void take_barrier(Instant now, const Call& call, const http1::Answer& answer);
  bool deliver(std::uint64_t number, std::string_view bytes, std::uint64_t changed);
  bool is_of_what_was_told(const Head& head) const;
  void reach();
  void gap();

  // ---- consul_writing.cpp
  void make(Instant now, const engine::Make& make);
  void append(Instant now, Item item);
  void write_next(Instant now);
  void take_head(Instant now, const Call& call, const http1::Answer& answer);
  void take_change(Instant now, const http1::Answer& answer);
  void try_again(const std::vector<std::size_t>& failed);
  void write_again(Instant now);
  void drop_writes();
  void keep(Instant now);
  void take_before(Instant now, const http1::Answer& answer);
  void take_pointer(Instant now, const http1::Answer& answer);
  void take_kept(Instant now, std::optional<std::uint64_t> changed);
  void take_list(Instant now, const Call& call, const http1::Answer& answer);

  std::string at(std::string_view what) const { return access_.prefix + std::string(what); }
  std::string in_log(std::string_view what) const;
  std::string of_epoch(std::string_view what, std::uint64_t epoch) const;
  std::string entry(std::uint64_t number) const;
  std::string bucket(std::uint64_t number) const;

  const Access access_;
  const std::string host_;
  std::array<http1::Reader, 2> in_;
  std::deque<Call> calls_;  // answered in their order
  Instant heard_at_{};      // anything of them
  std::optional<Call> watch_;
  std::optional<Instant> watch_at_;   // asked again
  std::optional<Instant> watch_due_;  // it is to tell of a change by then
  std::uint64_t watch_from_ = 0;      // Consul's index
  bool closed_ = false;

  std::string log_;
  std::optional<Loading> loading_;
  std::uint64_t loads_ = 0, tries_ = 0;
  std::optional<Instant> again_;  // it is read once more
  bool missing_ = false;          // ... since something was not there
  std::optional<Instant> busy_since_, barrier_at_;
  bool following_ = false;
  std::uint64_t epoch_ = 0, last_ = 0;  // that was told
  std::uint64_t last_changed_ = 0;      // Consul's index of that; 0: not known yet
  Head at_load_;                        // what is told from there on leads through this
  std::uint64_t known_ = 0;             // there are as many
  bool fetching_ = false;
  std::optional<Instant> fetch_at_;
  std::uint64_t first_barrier_ = 0;  // of the load, as long as it is not reached
  std::vector<Waiting> waiting_;

  std::optional<Head> head_;  // as it was seen last
  std::deque<Item> items_;
  std::vector<Item> written_;  // in the transaction that is out
  bool writing_ = false;
  std::optional<Instant> write_at_;  // once more
  Head base_;                        // that it follows
  std::optional<Keeping> keeping_;
  Trim trim_;
  std::uint64_t keeps_ = 0;

  About about_;
  std::optional<Instant> about_at_;
};

}  // namespace coord::engines
