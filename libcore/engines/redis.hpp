// SPDX-License-Identifier: MIT
// The log in Redis or Valkey (6.2 or later), for those who say --unsafe: what Redis has acknowledged it may
// forget, when its process ends (unless each write is synced) and when a replica takes over (always, since
// replication is asynchronous). Then two may have been told that they hold one lock. A gateway notices that
// what it has seen is gone and refuses the engine, but only after the fact.
//
//   PREFIXhead     which log it is, the epoch that is open, the number of the last entry
//   PREFIXlog      a stream; the id of entry N is N-0, so numbers have no gaps; an entry of it may be a seal
//   PREFIXkeys:E   the keys of epoch E
//   PREFIXstate    the state with which an epoch begins
//
// Each verb is one script, so one step. Followed is by a message on the channel PREFIXtail, which is pushed
// on the same connection (RESP3) and says only that there is something: entries are read from the stream by
// their numbers. XREAD BLOCK would hold up all else on this connection.
//
// A server may lose what it has and go on, on the same connections: others' entries then have the numbers of
// those that were lost. So what was told last is read again together with what is behind it, and compared.
//
// Which answers are not believed: a replica's. It is asked what it is at each barrier, since it may have
// become one.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "engines/adapter.hpp"
#include "engines/resp.hpp"
#include "engines/window.hpp"

namespace coord::engines {

class Redis final : public Adapter {
 public:
  Redis(Access access, std::string host);

  void begin(Instant now) override;
  void receive(Instant now, ByteView bytes) override;
  void ask(Instant now, const engine::Request& request) override;
  void tick(Instant now) override;
  std::optional<Instant> deadline() const override;

 private:
  enum class Kind : std::uint8_t {
    hello,
    memory,
    policy,
    subscribe,
    role,
    load,
    entries,
    head,
    append,
    change,
    used  // memory
  };
  struct Call {
    Kind kind{};
    Instant sent;
    std::uint64_t number = 0;  // of a load, or the ticket of a barrier
    Duration patience{};       // more than the usual one: it is long
  };
  struct Waiting {
    std::uint64_t ticket = 0, need = 0;
  };

  void call(Instant now, Kind kind, const std::vector<std::string_view>& words, std::uint64_t number = 0);
  // KEYS are head, log, state; `arguments` follow the log's name and the prefix.
  void script(Instant now, Kind kind, std::string_view text, const std::vector<std::string>& arguments,
              std::uint64_t number = 0);
  void answered(Instant now, const Call& call, const resp::Value& value);
  void refused(const Call& call, const std::string& text);
  void append(Instant now, const engine::Append& append);
  void append_next(Instant now);
  void ask_head(Instant now, std::uint64_t ticket);
  Instant silent_at() const;
  void take_hello(const resp::Value& value);
  void take_used(const resp::Value& value);
  void refuse(const std::string& why);
  void pushed(Instant now, const resp::Value& value);
  void take_role(const resp::Value& value);
  void take_load(Instant now, const resp::Value& value);
  void take_entries(Instant now, const resp::Value& value);
  void take_head(Instant now, std::uint64_t ticket, const resp::Value& value);
  bool deliver(const resp::Value& item);
  void fetch(Instant now);
  void reach();
  void gap();
  std::string at(const char* what) const { return access_.prefix + what; }

  const Access access_;
  const std::string host_;
  resp::Reader in_;
  std::deque<Call> calls_;
  Window appends_;
  Instant heard_at_{};  // anything at all
  About about_;
  std::optional<Instant> about_at_;
  bool evicts_ = false;  // keys, once its memory is full
  bool closed_ = false;

  std::string log_;
  std::uint64_t loads_ = 0, load_ticket_ = 0;
  bool following_ = false;
  std::uint64_t epoch_ = 0, last_ = 0;
  std::string chain_;  // of what was told last
  bool fetching_ = false, more_ = false;
  std::vector<Waiting> waiting_;
};

}  // namespace coord::engines
