.set STEP, 1
