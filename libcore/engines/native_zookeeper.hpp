// SPDX-License-Identifier: MIT
// ZooKeeper's own nodes, and its locks as Curator's InterProcessMutex takes them.
//
//   /NAME/_c_GUID-lock-NUMBER   one for each who has the lock or waits for it, numbered by
//                               ZooKeeper, gone with its session; whose
//                               number is the least has it, the others
//                               watch the one before
//
// Problem: the node lives as long as its session, and a client learns of a session's end from its server
// only. A server that was cut off from the others goes on answering pings for seconds (syncLimit x tickTime)
// while the others let the session end: whoever counts pings holds a lock that another one has.
//
// The way here: what counts is a *write* that was acknowledged, to the lock's own node: a majority has taken
// it, so the server is one of theirs. But a session is kept alive by what its server tells the leader with
// its answers to the leader's pings, two in a tick, not by the write itself. So the write proves the one
// before: the time counts from the sending of the last thing that was sent a quarter of the TTL before the
// write that was acknowledged. Two ticks are the shortest session, so a quarter of it is
// half a tick at least.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engines/jute.hpp"
#include "engines/native.hpp"
#include "engines/zookeeper_calls.hpp"

namespace coord::engines {

class NativeZooKeeper final : public NativeAdapter {
 public:
  NativeZooKeeper(Access access, std::string host, std::shared_ptr<NativeJob> job);

  void begin(Instant now) override;
  void receive(Instant now, ByteView bytes) override;
  void tick(Instant now) override;
  std::optional<Instant> deadline() const override;

 private:
  enum class Kind : std::uint8_t {
    get,     // a node's data
    look,    // which version it has, before a change
    change,  // put, or remove
    parent,  // made on the way
    make,    // a node
    list,
    child,  // one of those
    mine,   // the lock's node is made
    find,   // ... or was, by a request that was not answered
    queue,
    before,  // the node before ours: a watch
    renew,
    leave,
  };
  struct Call {
    Kind kind{};
    Instant sent;
    std::string path;
  };

  void packet(const Bytes& body);
  void call(Instant now, Kind kind, zookeeper::Operation operation, const Bytes& body, std::string path = {});
  void connected(Instant now, ByteView frame);
  void take_frame(Instant now, ByteView frame);
  void answered(Instant now, const Call& call, std::int32_t error, JuteReader& reader);
  bool is_refused(std::int32_t error);
  void start(Instant now);
  std::optional<Instant> silent_at() const;
  void unreadable() { fail("the server there is not ZooKeeper"); }
  zookeeper::Rights rights() const;

  // ---- of keys
  std::string path_of_key() const;
  void take_get(std::int32_t error, JuteReader& reader);
  void take_look(Instant now, std::int32_t error, JuteReader& reader);
  void take_change(Instant now, const Call& call, std::int32_t error, JuteReader& reader);
  void make_parents(Instant now, const std::string& path, bool itself);
  void take_list(Instant now, std::int32_t error, JuteReader& reader);
  void take_child(const Call& call, std::int32_t error, JuteReader& reader);

  // ---- of the lock
  std::string folder() const;
  void stand(Instant now);
  void take_mine(Instant now, std::int32_t error, JuteReader& reader);
  void look(Instant now);
  void take_queue(Instant now, std::int32_t error, JuteReader& reader);
  void renew(Instant now);
  void take_renewal(Instant now, const Call& call, std::int32_t error);
  void acknowledged(Instant sent);
  void leave(Instant now);

  const Access access_;
  JuteFrames in_;
  bool connected_ = false, leaving_ = false, looking_ = false;
  std::int32_t last_xid_ = 0;
  std::deque<std::pair<std::int32_t, Call>> calls_;
  std::optional<Instant> connecting_, renew_at_, look_at_, pinged_;
  Instant sent_{}, opened_{};
  Instant heard_at_{};        // an answer, or a part of one
  std::int32_t parents_ = 0;  // the first error when the nodes above were made
  Duration ping_every_{};
  std::deque<Instant> sendings_;  // of what may keep the session alive
  std::string watched_;           // the node before ours
  std::size_t children_ = 0;      // still to be told of
  std::uint64_t created_ = 0;     // of the node that was looked at
};

}  // namespace coord::engines
