// SPDX-License-Identifier: MIT
// What this host's tools ask of an engine's own keys and locks (--native): each in a connection of its own to
// the engine (engines/native.hpp), for as long as it takes.
//
// A lock is held under a session of the tool's: the session's command is guarded as any other, and the time
// that it has is the shorter of two, that of the session and that of the engine's lease (told by `bound`).
// The lock is let go only when the session has ended, that is when nothing runs under it any more.
//
// Threading: the io_context's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "base/ids.hpp"
#include "engines/driver.hpp"
#include "engines/native.hpp"
#include "replica/leases.hpp"
#include "wire/local_part.hpp"

namespace coord::daemon {

class NativeDesk {
 public:
  struct Says {
    std::function<void(replica::ConnectionId, const local::FromPart&)> tell;
    std::function<void(SessionId, Instant sent)> bound;
    std::function<void(SessionId, const std::string& why)> lost;
    std::function<bool(SessionId)> lives;
  };
  NativeDesk(boost::asio::io_context& io, engines::Settings access, Says says);
  ~NativeDesk();

  void said(replica::ConnectionId connection, const local::ToPart& what);
  void gone(replica::ConnectionId connection);
  // Lets go what was held under sessions that have ended.
  void look();
  // `then` is called once the lock of that session was let go, or soon. False: there is none.
  bool when_free(SessionId session, std::function<void()> then);
  bool is_idle() const { return tasks_.empty(); }

 private:
  struct Task;
  using Place = std::list<std::unique_ptr<Task>>::iterator;
  void begin(Task& task);
  void away(Task& task, std::string why);
  void lock(replica::ConnectionId connection, std::uint64_t request, native::Lock what);
  void unlock(replica::ConnectionId connection, std::uint64_t request, SessionId session);
  void told(Task& task, engines::Adapter::Action action);
  void told_of_lock(Task& task, native::ToTool&& answer);
  void let_go(Task& task);
  void limit(Task& task, Duration patience);
  void too_late(Task& task);
  void answer(const Task& task, const native::ToTool& what) const;
  void tell(replica::ConnectionId connection, std::uint64_t request, const native::ToTool& what) const;
  void end(Task& task);
  Task* find(SessionId session);

  boost::asio::io_context& io_;
  const engines::Settings access_;
  const Says says_;
  std::list<std::unique_ptr<Task>> tasks_, ended_;
};

}  // namespace coord::daemon
