// SPDX-License-Identifier: MIT
// The keys by which a host asks its group where it is, on whatever thread: they change while it asks.
#pragma once

#include <mutex>
#include <optional>

#include "net/key_file.hpp"

namespace coord::daemon {

class AskerKeys {
 public:
  void set(const net::KeyRing& keys) {
    const std::lock_guard lock(mutex_);
    keys_ = keys;
  }
  // Once there are any.
  net::KeyRing get() const {
    const std::lock_guard lock(mutex_);
    return *keys_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<net::KeyRing> keys_;
};

}  // namespace coord::daemon
