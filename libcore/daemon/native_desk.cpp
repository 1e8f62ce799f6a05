// SPDX-License-Identifier: MIT
#include "daemon/native_desk.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "engines/native_redlock.hpp"
#include "wire/channel.hpp"
#include "wire/codec.hpp"

namespace coord::daemon {

namespace {

using Why = native::Cannot::Why;

constexpr std::size_t most_tasks = 1024;
constexpr Duration key_patience = std::chrono::seconds(5);  // a change of an engine's leader takes 2 s
constexpr Duration lock_patience = std::chrono::milliseconds(2750);  // of what is not to wait
constexpr Duration free_patience = std::chrono::seconds(2);

}  // namespace

struct NativeDesk::Task {
  Task(boost::asio::io_context& io, replica::ConnectionId connection, std::uint64_t number)
      : asker(connection), request(number), timer(io) {}
  replica::ConnectionId asker;
  std::uint64_t request = 0;
  std::shared_ptr<engines::NativeJob> job = std::make_shared<engines::NativeJob>();
  std::unique_ptr<engines::Driver> driver;
  boost::asio::steady_timer timer;
  std::string trouble;  // of the way to the engine, as of now
  std::string queued;   // that was told
  bool is_over = false, asked_to_unlock = false, is_told_of_locked = false;
  std::optional<SessionId> session;  // of a lock
  std::vector<std::function<void()>> then;
};

NativeDesk::NativeDesk(boost::asio::io_context& io, engines::Settings access, Says says)
    : io_(io), access_(std::move(access)), says_(std::move(says)) {}

NativeDesk::~NativeDesk() {
  for (auto& task : tasks_) task->driver->stop();
}

void NativeDesk::tell(replica::ConnectionId connection, std::uint64_t request,
                      const native::ToTool& what) const {
  says_.tell(connection, local::FromPart{request, static_cast<std::uint16_t>(wire::Channel::native),
                                         wire::encode(what, native::formats)});
}

void NativeDesk::answer(const Task& task, const native::ToTool& what) const {
  tell(task.asker, task.request, what);
}

NativeDesk::Task* NativeDesk::find(SessionId session) {
  const auto found = std::ranges::find_if(tasks_, [&](const auto& task) { return task->session == session; });
  return found == tasks_.end() ? nullptr : found->get();
}

void NativeDesk::said(replica::ConnectionId connection, const local::ToPart& what) {
  auto asked = wire::decode<native::FromTool>(what.bytes, wire::DecodeOptions{.version = native::formats});
  if (!asked)
    return tell(connection, what.request,
                native::Cannot{Why::unreachable, "its peer cannot read that: install the same release"});
  if (auto* locks = std::get_if<native::Lock>(&*asked))
    return lock(connection, what.request, std::move(*locks));
  if (const auto* over = std::get_if<native::Unlock>(&*asked))
    return unlock(connection, what.request, over->session);
  if (std::string lacks = engines::native_lacks(access_.url.kind, *asked); !lacks.empty())
    return tell(connection, what.request, native::Cannot{Why::lacks, std::move(lacks)});
  if (tasks_.size() >= most_tasks)
    return tell(connection, what.request, native::Cannot{Why::unreachable, "too much at once: try again"});
  const bool watches = std::holds_alternative<native::Watch>(*asked);
  auto task = std::make_unique<Task>(io_, connection, what.request);
  task->job->what = std::move(*asked);
  Task& begun = *tasks_.emplace_back(std::move(task));
  begin(begun);
  if (!watches && !begun.is_over) limit(begun, key_patience);
}

void NativeDesk::begin(Task& task) {
  const auto hears = [this, &task](engines::Adapter::Action action) {
    if (!task.is_over) told(task, std::move(action));
  };
  const auto sees = [this, &task](engines::engine::Told said) {
    if (auto* down = std::get_if<engines::engine::Down>(&said)) away(task, std::move(down->why));
    if (std::holds_alternative<engines::engine::Reached>(said)) task.trouble.clear();
  };
  if (task.session && access_.url.kind == EngineUrl::Kind::redis) {
    task.driver = engines::open_redlock(io_, access_, task.job, hears, sees);
    return task.driver->start();
  }
  const bool tls = access_.url.tls;
  auto opened = engines::Driver::open_native(
      io_, access_,
      [kind = access_.url.kind, tls, job = task.job](engines::Access access, const std::string& host) {
        return engines::make_native_adapter(kind, tls, std::move(access), host, job);
      },
      hears, sees);
  if (!opened) {
    answer(task, native::Cannot{Why::unreachable, opened.error().text()});
    return end(task);
  }
  task.driver = std::move(*opened);
  task.driver->start();
}

// Who waits is told of it, once until the engine has answered again.
void NativeDesk::away(Task& task, std::string why) {
  const bool is_told = !std::exchange(task.trouble, std::move(why)).empty();
  const native::Lock* lock = task.job->lock();
  const bool waits = lock != nullptr ? lock->wait && !task.job->held && !task.job->let_go
                                     : std::holds_alternative<native::Watch>(task.job->what);
  if (is_told || !waits) return;
  task.queued = ("the engine: " + task.trouble).substr(0, native::longest_key);
  answer(task, native::Queued{task.queued});
}

// The task's end is never within what its driver says.
void NativeDesk::end(Task& task) {
  if (std::exchange(task.is_over, true)) return;
  if (task.driver) task.driver->stop();
  task.timer.cancel();
  const auto found = std::ranges::find_if(tasks_, [&](const auto& each) { return each.get() == &task; });
  ended_.splice(ended_.end(), tasks_, found);
  for (auto& then : std::exchange(task.then, {})) then();
  boost::asio::post(io_, [this] { ended_.clear(); });
}

void NativeDesk::limit(Task& task, Duration patience) {
  task.timer.expires_after(patience);
  task.timer.async_wait([this, &task](const boost::system::error_code& error) {
    if (!error && !task.is_over) too_late(task);
  });
}

void NativeDesk::too_late(Task& task) {
  if (task.job->let_go) {
    if (task.asked_to_unlock) answer(task, native::Unlocked{false});
    return end(task);
  }
  const bool unknown = task.job->may_have_changed || task.job->again;
  answer(task, native::Cannot{unknown ? Why::unknown : Why::unreachable,
                              task.trouble.empty() ? "the engine does not answer" : task.trouble});
  if (!task.session) return end(task);
  let_go(task);
}

void NativeDesk::gone(replica::ConnectionId connection) {
  for (auto at = tasks_.begin(); at != tasks_.end();) {
    Task& task = **at++;
    if (task.asker == connection && !task.session) end(task);
  }
}

// ---- locks

void NativeDesk::lock(replica::ConnectionId connection, std::uint64_t request, native::Lock what) {
  if (std::string lacks = engines::native_lacks(access_.url.kind, what); !lacks.empty())
    return tell(connection, request, native::Cannot{Why::lacks, std::move(lacks)});
  if (Task* there = find(what.session)) {  // over another connection than before
    there->asker = connection;
    there->request = request;
    there->queued.clear();
    there->is_told_of_locked = there->job->held && !there->job->let_go;
    if (there->is_told_of_locked) answer(*there, native::Locked{there->job->counted});
    return;
  }
  if (!says_.lives(what.session) || tasks_.size() >= most_tasks)
    return tell(connection, request,
                native::Cannot{Why::unreachable, "its session has ended, or too much at once"});
  auto task = std::make_unique<Task>(io_, connection, request);
  task->session = what.session;
  const bool waits = what.wait;
  task->job->what = std::move(what);
  Task& begun = *tasks_.emplace_back(std::move(task));
  begin(begun);
  if (!waits && !begun.is_over) limit(begun, lock_patience);
}

void NativeDesk::unlock(replica::ConnectionId connection, std::uint64_t request, SessionId session) {
  Task* task = find(session);
  if (task == nullptr) return tell(connection, request, native::Unlocked{true});
  task->asker = connection;
  task->request = request;
  task->asked_to_unlock = true;
  if (!task->trouble.empty()) {  // nobody is to wait for who is not there
    answer(*task, native::Unlocked{false});
    task->asked_to_unlock = false;
  }
  let_go(*task);
}

void NativeDesk::let_go(Task& task) {
  if (std::exchange(task.job->let_go, true)) return;
  limit(task, free_patience);
  task.driver->nudge();
}

void NativeDesk::told(Task& task, engines::Adapter::Action action) {
  if (auto* lost = std::get_if<engines::Adapter::NativeLost>(&action)) {
    const SessionId session = *task.session;
    if (!task.job->let_go) says_.lost(session, lost->why);
    return end(task);
  }
  native::ToTool& what = std::get<engines::Adapter::Native>(action).told;
  if (task.session) return told_of_lock(task, std::move(what));
  answer(task, what);
  const auto* keys = std::get_if<native::Keys>(&what);
  const bool goes_on =
      (keys != nullptr && keys->more) ||
      (std::holds_alternative<native::Watch>(task.job->what) && std::holds_alternative<native::Value>(what));
  if (!goes_on) return end(task);
  if (keys != nullptr) limit(task, key_patience);
}

void NativeDesk::told_of_lock(Task& task, native::ToTool&& what) {
  if (const auto* free = std::get_if<native::Unlocked>(&what)) {
    if (task.asked_to_unlock) answer(task, *free);
    return end(task);
  }
  if (task.job->let_go) return;
  if (const auto* locked = std::get_if<native::Locked>(&what)) {
    task.timer.cancel();
    says_.bound(*task.session, locked->sent);
    if (std::exchange(task.is_told_of_locked, true)) return;
    // Once the node has heard that: no longer renewal is told behind this.
    boost::asio::post(io_, [this, connection = task.asker, request = task.request, what = std::move(what)] {
      tell(connection, request, what);
    });
  } else if (const auto* queued = std::get_if<native::Queued>(&what)) {
    if (std::exchange(task.queued, queued->behind) != queued->behind) answer(task, what);
  } else {  // it gets none
    answer(task, what);
    let_go(task);
  }
}

void NativeDesk::look() {
  for (auto at = tasks_.begin(); at != tasks_.end();) {
    Task& task = **at++;
    if (task.session && !says_.lives(*task.session)) let_go(task);
  }
}

bool NativeDesk::when_free(SessionId session, std::function<void()> then) {
  Task* task = find(session);
  if (task == nullptr) return false;
  task->then.push_back(std::move(then));
  let_go(*task);
  return true;
}

}  // namespace coord::daemon
