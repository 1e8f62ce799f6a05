// SPDX-License-Identifier: MIT
// A host's keys in its state directory, once `dpeers key` has changed them: a key file (net/key_file.hpp),
// mode 0600, that counts instead of the configured one (keys_path()). That one only begins it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "daemon/keys_part.hpp"
#include "daemon/settings.hpp"
#include "net/key_file.hpp"
#include "node/part.hpp"

namespace coord::daemon {

// The old one or the new one, whatever happens meanwhile.
Status write_keys(const std::string& state_dir, const net::KeyRing& ring);

class KeysWorker final : public node::Worker {
 public:
  explicit KeysWorker(std::string directory) : directory_(std::move(directory)) {}
  void perform(std::vector<std::shared_ptr<node::Work>>& batch) override;

 private:
  std::string directory_;
};

}  // namespace coord::daemon
