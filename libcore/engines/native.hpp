// SPDX-License-Identifier: MIT
// An engine's own keys and locks, as its other clients see them: one thing that is asked of
// them, across connections.
//
// A Job is what has to be known again when its connection breaks: a lock's place in the engine's own queue,
// the lease or session under which it stands there. Each connection has an adapter of its own (Adapter),
// which works on the Job. Pure.
//
// A lock's renewal counts from when it was *sent*, by our own clock: what is told as `counted` is an instant
// from which the engine lets it stand for a TTL at least, whatever it does meanwhile. What it says on a
// connection counts no further than it must have been agreed on by a majority of its servers: each engine's
// adapter says how it knows that.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/check.hpp"
#include "base/engine_url.hpp"
#include "base/time.hpp"
#include "engines/adapter.hpp"
#include "wire/native_messages.hpp"

namespace coord::engines {

struct NativeJob {
  native::FromTool what;
  bool let_go = false;  // of the lock: its owner wants it no longer

  // ---- of the adapters
  bool may_have_changed = false;  // a change went out and was not answered: who asks cannot know
  bool again = false;             // ... over a connection before this one
  std::string listed;             // the last key that was told: a list goes on behind it
  bool held = false;
  std::string place;          // the lock's key, node or value in its queue; empty: none yet
  std::string guid;           // drawn for it: by this it is known again
  std::uint64_t number = 0;   // of the place: etcd's revision
  std::uint64_t moved = 0;    // etcd's revision at which the place was last put under a lease
  std::uint64_t session = 0;  // etcd's lease, ZooKeeper's session
  std::string session_name;   // Consul's; ZooKeeper's password
  std::uint64_t seen = 0;     // what has been seen of ZooKeeper's history
  Instant counted;

  const native::Lock* lock() const { return std::get_if<native::Lock>(&what); }
};

class NativeAdapter : public Adapter {
 public:
  NativeAdapter(std::shared_ptr<NativeJob> job, std::string host)
      : job_(std::move(job)), host_(std::move(host)) {
    job_->again |= std::exchange(job_->may_have_changed, false);
  }
  void ask(Instant, const engine::Request&) override {}  // no log is kept by it

 protected:
  NativeJob& job() { return *job_; }
  const NativeJob& job() const { return *job_; }
  const std::string& host() const { return host_; }
  void answer(native::ToTool what) { push(Native{std::move(what)}); }
  void cannot(native::Cannot::Why why, std::string text) {
    job().may_have_changed = false;
    answer(native::Cannot{job().again ? native::Cannot::Why::unknown : why, std::move(text)});
  }
  void answer_keys(native::Keys keys) {
    if (!keys.keys.empty()) job().listed = keys.keys.back().key;
    answer(std::move(keys));
  }
  // Of a list whose keys come one by one: they are told some hundreds at a time. `more` follow.
  void answer_key(std::optional<native::Key> key, bool more);
  // False: it is too long, and the job is over.
  bool answer_value(native::Value value);
  void answer_done(std::uint64_t version) {
    not_changed();
    answer(native::Done{version});
  }
  // Whether a change may go out now. One that did before, and was not answered, is sent again only if its
  // terms say of what it may be a change: another one's value may be there by now.
  bool may_change(bool has_terms);
  // What was asked for is not so. It may be just what was sent before that has made it so.
  void answer_not(native::Not what);
  void fail(const std::string& why) {
    if (std::exchange(closed_, true)) return;
    close(host_ + ": " + why);
  }
  // The change that went out last was refused, and that answer says that nothing of it was carried out.
  void not_changed() { job().may_have_changed = false; }
  bool is_closed() const { return closed_; }
  void is_held(Instant counted) {
    COORD_CHECK(counted != Instant{});
    job().held = true;
    job().counted = counted;
    answer(native::Locked{counted});
  }
  void is_lost(const std::string& why) { push(NativeLost{why}); }

 private:
  const std::shared_ptr<NativeJob> job_;
  const std::string host_;
  native::Keys keys_;  // of a list, which are not told yet
  bool closed_ = false;
};

// Why an engine has no such thing, and which ones have it; empty: it has it.
std::string native_lacks(EngineUrl::Kind kind, const native::FromTool& what);

std::unique_ptr<Adapter> make_native_adapter(EngineUrl::Kind kind, bool tls, Access access, std::string host,
                                             std::shared_ptr<NativeJob> job);

}  // namespace coord::engines
