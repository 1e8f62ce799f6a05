// SPDX-License-Identifier: MIT
#include "daemon/asking_again.hpp"

#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

namespace coord::daemon {

namespace {

constexpr Duration between_questions = std::chrono::seconds(1);

}  // namespace

AskingAgain::AskingAgain(boost::asio::io_context& io, Disk& disk, Settings settings, Asker asker, Told told)
    : io_(io), disk_(disk), settings_(std::move(settings)), asker_(std::move(asker)), told_(std::move(told)) {
  thread_ = std::thread([this] { run(); });
}

AskingAgain::~AskingAgain() {
  *exists_ = false;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool AskingAgain::pause() {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, between_questions, [this] { return stopping_; });
}

void AskingAgain::run() {
  while (pause()) {
    const Result<bool> ended = join_again(disk_, settings_, asker_);
    if (ended && !*ended) continue;
    Result<Settings> what = ended ? Result<Settings>(settings_) : Result<Settings>(ended.error());
    // Whoever is told may end this.
    boost::asio::post(io_, [this, exists = exists_, what = std::move(what)]() mutable {
      if (*exists) std::exchange(told_, {})(std::move(what));
    });
    return;
  }
}

}  // namespace coord::daemon
