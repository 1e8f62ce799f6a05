// SPDX-License-Identifier: MIT
// The log in etcd, version 3.4 or later, by gRPC over HTTP/2 (http2.hpp).
//
//   PREFIX open                      LOG EPOCH: which log it is, and the epoch that is open
//   PREFIX log/EPOCH/KEY             an entry: created once, ordered by its revision
//   PREFIX log/EPOCH/~               the seal: with it `open` moves on, in one transaction
//   PREFIX state/EPOCH               where the state is with which that epoch begins: WRITER PIECES POSITION
//   PREFIX piece/EPOCH/WRITER/NUMBER its pieces; WRITER is one attempt to keep a state
//
// A position is a revision of etcd's (mod_revision): no two of our keys below log/ are changed in one
// transaction, but for a trim, which takes whole epochs. So who reads while another trims finds entries of a
// later epoch than the one that the last entry led to, or no entry and a later one open: a gap, and all is
// read anew. An append compares `open` and that its key is absent. What is read on the way in is a range by
// revision, which needs no history; from there a watch goes on at the next revision. Leases, locks and
// elections of etcd's are not used: leases that lived were revoked by a former leader whose disk had stalled
// (etcd #15247, in Debian 12's 3.4.23).
//
// Which answers are not believed:
//   - that a watch has got so far, since progress may be told before an event
//     (etcd #15220): a barrier asks for
//     the revision by a linearizable read, and reads what lies between;
//   - that no answer means anything: etcd's own time-outs are seconds. Appends come again by their key;
//   - that the watch will tell (etcd #18089): what was written here and is not told a second later is read.
#pragma once

#include <cstdint>
#include <map>

#include "engines/adapter.hpp"
#include "engines/etcd_calls.hpp"
#include "engines/etcd_channel.hpp"

namespace coord::engines {

class Etcd final : public Adapter {
 public:
  Etcd(Access access, std::string host, bool tls);

  void begin(Instant now) override;
  void receive(Instant now, ByteView bytes) override;
  void ask(Instant now, const engine::Request& request) override;
  void tick(Instant now) override;
  std::optional<Instant> deadline() const override;

 private:
  enum class Kind : std::uint8_t {
    authenticate,
    top,
    pieces,
    tail,
    watch,
    barrier,
    behind,
    change,
    piece,
    pointer,
    status,
    members,
    history
  };
  struct Call {
    Kind kind{};
    Instant sent;
    std::uint64_t load = 0;  // of which Load, or the ticket of a barrier
    std::uint64_t seen = 0;  // revision, when it was sent
    Bytes answer;            // what has come of it
  };
  struct Loading {
    std::uint64_t ticket = 0, number = 0;
    std::uint64_t epoch = 0, position = 0;
    std::string writer;
    std::size_t pieces = 0, pieces_here = 0;
    Bytes state;
    std::uint64_t at_revision = 0;
    unsigned tries = 0;            // pieces were not there
    std::optional<Instant> again;  // when it is read once more
  };
  struct Keeping {
    engine::Keep what;
    std::string folder;
    std::size_t next = 0;  // piece
  };

  void call(Instant now, Kind kind, const char* method, const Bytes& message, std::uint64_t number = 0);
  void await(Instant now, Kind kind, Http2::Stream stream, std::uint64_t number = 0);
  void flush();
  void ended(Instant now, Call&& call, const Http2::Ended& event);
  void answered(Instant now, const Call& call, ByteView message);
  void watched(Bytes& bytes);
  void refused(Kind kind, const etcd::Ending& ending);
  void unreadable();
  void leave_if_going();
  void too_long(Instant now, Http2::Stream stream);

  void load(Instant now, const engine::Load& request);
  void load_again(Instant now);
  void take_top(Instant now, const etcd::Answer& answer);
  void take_pieces(Instant now, const etcd::Answer& answer);
  void take_tail(Instant now, const etcd::Answer& answer);
  void ask_pieces(Instant now);
  void ask_tail(Instant now);
  void take_barrier(Instant now, const Call& call, const etcd::Answer& answer);
  void take_behind(Instant now, const Call& call, const etcd::Answer& answer);
  void ask_behind(Instant now, std::uint64_t ticket);
  void ask_log(Instant now, Kind kind, std::uint64_t at_revision, std::uint64_t number);
  bool deliver(const etcd::Pair& pair);
  bool deliver_all(Instant now, Kind kind, std::uint64_t number, const etcd::Answer& answer);
  void gap();
  void ask_about(Instant now);
  void take_status(Instant now, ByteView message);
  void take_members(ByteView message);
  static bool comes_again(Kind kind);
  static bool is_of_load(Kind kind);
  Instant silent_at(const Call& call) const;
  std::optional<Instant> idle_until() const;
  void ask_barrier(Instant now, std::uint64_t ticket);
  static Bytes open_in(std::uint64_t log, std::uint64_t epoch);
  void keep(Instant now);
  static Bytes pointer_of(const Keeping& kept);
  void take_pointer(Instant now, const etcd::Answer& answer);

  std::string at(const char* what) const { return access_.prefix + what; }
  std::string of_epoch(const char* what, std::uint64_t epoch) const;
  std::string pieces_of(std::uint64_t epoch, const std::string& folder) const;

  const Access access_;
  const std::string host_;
  etcd::Channel channel_;
  std::map<Http2::Stream, Call> calls_;
  std::optional<Http2::Stream> watch_;
  std::optional<Loading> loading_;
  std::uint64_t loads_ = 0;
  bool following_ = false;
  std::uint64_t log_ = 0;      // which log it is: drawn by the gateway that made it
  std::uint64_t epoch_ = 0;    // in which the next entry must be
  std::uint64_t last_ = 0;     // position that was told last
  std::uint64_t seen_ = 0;     // up to this revision all was told
  std::uint64_t written_ = 0;  // something here, at this revision
  Instant written_at_{};
  bool looks_behind_ = false;  // for that
  std::uint64_t page_ = 512;   // keys in one answer
  About about_;
  std::optional<Instant> about_at_;  // asked next
  std::uint64_t leader_ = 0;         // id of the member that leads, as this one said last
  std::optional<Keeping> keeping_;
  std::uint64_t keeps_ = 0;
  Instant heard_at_{};   // anything of calls
  Instant loaded_at_{};  // anything of those that read the log on the way in
  bool closed_ = false;
};

}  // namespace coord::engines
