// SPDX-License-Identifier: MIT
// The log in ZooKeeper, version 3.4 or later, by its own wire format (jute.hpp): Debian's C client is built
// without TLS, wants sockets and a thread of its own, and the dozen calls that a log takes are small.
//
//   /PREFIX/log                        LOG: which log it is
//   /PREFIX/LOG/epoch/EPOCH            an epoch; the version of its data is 0 while it is open, 1 once it is
//                                      sealed, more when it is being removed
//   /PREFIX/LOG/epoch/EPOCH/eNUMBER    its entries, numbered by ZooKeeper, the last one its seal
//   /PREFIX/LOG/key/EPOCH/KEY          the keys of its entries
//   /PREFIX/LOG/state/EPOCH            where the state is with which that epoch begins: WRITER PIECES
//   POSITION /PREFIX/LOG/piece/EPOCH/WRITER/N   its pieces
//
// An append is one transaction: the epoch's version is 0, its key is created, and its entry. A seal changes
// the version and creates the next epoch, in one. So what comes late finds another version, or nothing; and a
// log that was made in the place of one that was removed has other names.
//
// A position is the id of the transaction that created the entry (czxid). It grows for ever; the number in a
// name does not. It follows how many children were ever created there (cversion tells), so every number below
// that has an entry, or is another program's, or the epoch is being removed: then its version says so, since
// that is changed first. Followed is by a watch for the next number alone: one event an entry, no listings.
//
// Which answers are not believed:
//   - a session's: a follower that was cut off goes on answering pings for seconds. Nothing hangs on sessions
//     here; they only have to be there;
//   - a read's, alone: it is answered from what that server has. `sync` is no quorum operation
//     (ZOOKEEPER-1675). So a barrier is a transaction that changes nothing (a check of the epoch's version):
//     a quorum has taken it, and what the same server answers next is at least as new.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "engines/adapter.hpp"
#include "engines/jute.hpp"
#include "engines/zookeeper_calls.hpp"

namespace coord::engines {

class ZooKeeper final : public Adapter {
 public:
  ZooKeeper(Access access, std::string host);

  void begin(Instant now) override;
  void receive(Instant now, ByteView bytes) override;
  void ask(Instant now, const engine::Request& request) override;
  std::string_view aside() const override { return "srvr"; }
  void told_aside(std::string_view text) override;
  void tick(Instant now) override;
  std::optional<Instant> deadline() const override;

 private:
  enum class Kind : std::uint8_t {
    fresh,    // has a quorum taken it? Whatever comes of it
    which,    // log it is
    states,   // there are
    pointer,  // to the newest
    piece,    // of it
    next,     // entry: is it there? A watch
    epoch,    // how many entries it has
    entry,
    hole,     // the epoch of an entry that is not there
    barrier,  // has a quorum taken it?
    behind,   // how many entries the epoch had after a barrier
    change,   // a transaction that nobody waits for
    single,   // likewise, of one operation
    keep,     // one more piece is there
    kept,     // the pointer
    list,     // what is to be removed
    remove,
    limits,  // of the root: its quota
    used,    // of that
  };
  struct Call {
    Kind kind{};
    Instant sent;
    std::uint64_t of = 0;      // which load, or which walk over an epoch
    std::uint64_t number = 0;  // of an entry; the ticket of a barrier
  };
  struct Loading {
    std::uint64_t ticket = 0, number = 0, epoch = 0;
    marks::Pointer pointer;
    std::size_t pieces_here = 0;
    Bytes state;
  };
  struct Waiting {  // a barrier
    std::uint64_t ticket = 0;
    bool sealed = false;     // its epoch was: asked again in the next one
    std::uint64_t need = 0;  // entries of this epoch
  };
  struct Keeping {
    engine::Keep what;
    std::string folder;
    std::size_t next = 0;
  };
  struct Arrived {
    Bytes bytes;
    std::uint64_t position = 0;
    bool is_hole = false;
  };

  void call(Instant now, Kind kind, zookeeper::Operation operation, const Bytes& body, std::uint64_t of = 0,
            std::uint64_t number = 0);
  void packet(const Bytes& body);
  void connected(Instant now, ByteView frame);
  void take_frame(Instant now, ByteView frame);
  void answered(Instant now, const Call& call, std::int32_t error, JuteReader& reader);
  void read_answered(Instant now, const Call& call, std::int32_t error, JuteReader& reader);
  void write_answered(Instant now, const Call& call, std::int32_t error, JuteReader& reader);
  void unreadable();
  void refuse(const std::string& why);

  // ---- zookeeper_reading.cpp
  void load(Instant now, std::uint64_t ticket);
  void load_again(Instant now);
  void take_which(Instant now, bool found, JuteReader& reader);
  void take_states(Instant now, bool found, JuteReader& reader);
  void take_pointer(Instant now, bool found, JuteReader& reader);
  void take_piece(Instant now, bool found, JuteReader& reader);
  void ask_piece(Instant now);
  void enter(Instant now, std::uint64_t epoch);
  void look(Instant now);
  void advance(Instant now);
  void take_epoch(Instant now, const Call& call, bool found, JuteReader& reader);
  void take_entry(Instant now, std::uint64_t number, bool found, JuteReader& reader);
  void deliver(Instant now);
  void tell_entry(Instant now, Arrived&& entry);
  void ask_barrier(Instant now, std::uint64_t ticket);
  void take_behind(Instant now, std::uint64_t ticket, bool found, JuteReader& reader);
  void reach();
  void event(Instant now, const std::string& path);
  void created(Instant now, const std::string& path);
  void gap();
  void damaged();
  void ask_about(Instant now);
  void take_about(const Call& call, std::int32_t error, JuteReader& reader);

  // ---- zookeeper_states.cpp
  void make(Instant now, const engine::Make& make);
  void keep(Instant now);
  void trim(Instant now, std::uint64_t below);
  void remove_next(Instant now);
  void take_list(Instant now, bool found, JuteReader& reader);
  void take_removed(Instant now, bool done);

  std::optional<Instant> silent_at() const;
  bool is_behind(std::uint64_t of) const { return following_ && of == walk_; }
  std::string at(const char* what) const { return root_ + "/" + what; }
  std::string in_log(const char* what) const;
  std::string of_epoch(const char* what, std::uint64_t epoch) const;
  std::string entry(std::uint64_t number) const;
  zookeeper::Rights rights() const;

  const Access access_;
  const std::string host_;
  const std::string root_;  // the prefix as a path
  JuteFrames in_;
  bool connected_ = false;
  bool closed_ = false;
  std::int32_t last_xid_ = 0;
  std::deque<std::pair<std::int32_t, Call>> calls_;  // answered in their order
  Duration ping_every_{};
  Instant sent_{};
  Instant heard_at_{};  // an answer, or a part of one
  std::optional<Instant> connecting_, pinged_;

  std::string log_;  // which log it is
  std::optional<Loading> loading_;
  std::uint64_t loads_ = 0, tries_ = 0;
  bool following_ = false;
  std::uint64_t walk_ = 0;  // one more with each epoch and each load
  std::uint64_t epoch_ = 0;
  std::uint64_t last_ = 0;                          // position that was told last
  std::uint64_t told_ = 0, asked_ = 0, known_ = 0;  // of this epoch's numbers: below these
  std::optional<std::uint64_t> looked_;             // for this one a watch is asked
  std::map<std::uint64_t, Arrived> arrived_;
  std::vector<Waiting> waiting_;

  std::optional<Keeping> keeping_;
  std::uint64_t keeps_ = 0;
  std::uint64_t trim_below_ = 0;
  std::vector<std::string> to_remove_;  // the last one first, with all below it
  std::vector<std::string> leaves_;     // of the last one
  std::size_t removing_ = 0;            // leaves, in the transaction that is out
  About about_;
  std::optional<Instant> about_at_;  // asked next
};

}  // namespace coord::engines
