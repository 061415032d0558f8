"""What people ask and decide: history, differences, verification, rollback, resolution, confirmation."""
