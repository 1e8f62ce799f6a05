// SPDX-License-Identifier: MIT
// etcd's own keys, and its locks as `etcdctl lock` and its client libraries take them.
//
//   NAME/LEASE    one for each who has the lock or waits for it, LEASE in hexadecimal, its value of no
//                 meaning; who was created first (create_revision) has it, the others watch
//
// Problem: the recipe keeps its lease alive by messages to etcd's leader. A former leader whose disk had
// stalled, and which comes back, revokes leases that live (etcd #15247; Debian 12's 3.4.23): the lock is free
// a moment after a keepalive that was answered well.
//
// The way here: no lease is ever kept alive. A renewal takes a new lease and moves the key to it; the key's
// place in the queue is that of its creation and stays. A leader of former days knows nothing of the new
// lease, and revokes one that no key hangs on. The time counts from when the lease was asked for, but only
// once the key hangs on it.
//
// A move is a transaction that asks whether the key was last changed by the move before: one that was given
// up and comes late, from a server whose disk had stalled, would put the key under a lease that ends sooner
// than the one that counts. A move that finds another change reads the key: its own, of which it was not
// told, or somebody's who has removed it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "engines/etcd_calls.hpp"
#include "engines/etcd_channel.hpp"
#include "engines/native.hpp"

namespace coord::engines {

class NativeEtcd final : public NativeAdapter {
 public:
  NativeEtcd(Access access, std::string host, bool tls, std::shared_ptr<NativeJob> job);

  void begin(Instant now) override;
  void receive(Instant now, ByteView bytes) override;
  void tick(Instant now) override;
  std::optional<Instant> deadline() const override;

 private:
  enum class Kind : std::uint8_t {
    authenticate,
    get,
    change,
    list,
    watch,
    lease,
    place,
    whose,
    queue,
    leave,
    revoke,
    probe,  // is it there at all?
  };
  struct Call {
    Kind kind{};
    Instant sent;
    std::uint64_t lease = 0;
    Instant counted;
    Bytes answer;
    Instant heard{};  // of a part of it
  };

  Call& call(Instant now, Kind kind, const char* method, const Bytes& message);
  Call& await(Instant now, Kind kind, Http2::Stream stream);
  void flush();
  void ended(Instant now, Call&& call, const Http2::Ended& event);
  void answered(Instant now, const Call& call, ByteView message);
  void refused(const Call& call, const etcd::Ending& ending);
  void unreadable() { fail("the server there is not etcd"); }
  void start(Instant now);
  void watch(Instant now, std::uint64_t revision);
  void watched(Instant now, Bytes& answer);
  void probe(Instant now);
  std::optional<Instant> probe_at() const;

  // ---- of keys
  void change(Instant now);
  void take_change(const etcd::Answer& answer);
  void list(Instant now, const std::string& from);
  void take_list(Instant now, const etcd::Answer& answer);

  // ---- of the lock
  std::string folder() const;
  void lease(Instant now);
  void take_lease(Instant now, const Call& call, ByteView message);
  void place(Instant now, std::uint64_t id, Instant counted);
  void take_place(Instant now, const Call& call, const etcd::Answer& answer);
  void take_whose(Instant now, const Call& call, const etcd::Answer& answer);
  void look(Instant now);
  void take_queue(Instant now, const etcd::Answer& answer);
  void leave(Instant now);

  const Access access_;
  etcd::Channel channel_;
  std::map<Http2::Stream, Call> calls_;
  std::optional<Http2::Stream> watch_;
  bool begun_ = false, leaving_ = false, renewing_ = false, looking_ = false;
  std::optional<Instant> renew_at_, look_at_;
  Instant heard_at_{};  // anything
  bool watches_ = false;
};

}  // namespace coord::engines
