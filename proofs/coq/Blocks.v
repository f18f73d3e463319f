(* Blocks of b independent phrases (docs/theory.md, Code lengths): index i of M^(b+1) is (i / M, i mod M). No claim of its own;
   code-length-block-limit in CodeLength.v and McMillan's inequality rest on it. *)
From Coq Require Import Reals Lra Lia Arith List.
From Compresslab Require Import Base Code.
Open Scope R_scope.

Lemma Sum_product n M f : (Σ i < n * M, f i) = Σ a < n, Σ j < M, f (a * M + j)%nat.
Proof.
  assert (A : forall k l f, Sum (k + l) f = Sum k f + Σ j < l, f (k + j)%nat).
  { intros k l g. induction l; [rewrite Nat.add_0_r; simpl; lra|]. rewrite Nat.add_succ_r. simpl. rewrite IHl. lra. }
  induction n; simpl; auto. rewrite Nat.add_comm, A, IHn. reflexivity.
Qed.
Lemma Sum_digits M b (f : nat -> nat -> R) : (0 < M)%nat ->
  (Σ i < M ^ (S b), f (i / M)%nat (i mod M)%nat) = Σ a < M ^ b, Σ j < M, f a j.
Proof.
  intros HM. rewrite Nat.pow_succ_r', Nat.mul_comm, Sum_product. apply Sum_ext. intros a _. apply Sum_ext. intros j Hj.
  rewrite Nat.div_add_l, Nat.div_small, Nat.add_0_r, Nat.add_comm, Nat.mod_add, Nat.mod_small by lia. reflexivity.
Qed.
Fixpoint digits (M b i : nat) : list nat := match b with O => nil | S b' => cons (i mod M)%nat (digits M b' (i / M)%nat) end.
Lemma digits_below M b i : (0 < M)%nat -> forall x, In x (digits M b i) -> (x < M)%nat.
Proof. intros HM. revert i. induction b; simpl; [tauto|]. intros i x [<-|I]; [apply Nat.mod_upper_bound; lia|eauto]. Qed.
Lemma digits_injective M b : forall i i', (i < M ^ b)%nat -> (i' < M ^ b)%nat -> digits M b i = digits M b i' -> i = i'.
Proof.
  induction b as [|b IH]; intros i i' Hi Hi' E; [simpl in *; lia|]. injection E as E1 E2. rewrite Nat.pow_succ_r' in *.
  assert (M <> 0)%nat by (intros ->; simpl in *; lia).
  apply IH in E2; [|apply Nat.div_lt_upper_bound; auto|apply Nat.div_lt_upper_bound; auto].
  rewrite (Nat.div_mod_eq i M), (Nat.div_mod_eq i' M). congruence.
Qed.
Lemma digits_onto B b : forall s, length s = b -> (forall x, In x s -> (x < B)%nat) -> exists i, (i < B ^ b)%nat /\ digits B b i = s.
Proof.
  induction b as [|b IH]; intros [|x s] L H; try discriminate; [exists 0%nat; simpl; auto|].
  destruct (IH s) as (i & Hi & E); [injection L; auto|intros; apply H; right; auto|]. assert (Hx : (x < B)%nat) by (apply H; left; auto).
  exists (i * B + x)%nat. rewrite Nat.pow_succ_r'. split; [nia|]. cbn [digits].
  rewrite Nat.div_add_l, Nat.div_small, Nat.add_0_r, E, Nat.add_comm, Nat.mod_add, Nat.mod_small by lia. reflexivity.
Qed.
Section Blocks.
Variables (M : nat) (p : nat -> R).
Hypothesis p_pos : forall j, (j < M)%nat -> 0 < p j.
Hypothesis unit : Sum M p = 1.
Fixpoint block (b i : nat) : R := match b with O => 1 | S b' => block b' (i / M)%nat * p (i mod M)%nat end.
Lemma M_pos : (0 < M)%nat.
Proof. destruct M; [simpl in unit; lra|lia]. Qed.
Lemma block_step b (g : R -> R) : (Σ i < M ^ (S b), g (block (S b) i)) = Σ a < M ^ b, Σ j < M, g (block b a * p j).
Proof.
  exact (Sum_digits M b (fun a j => g (block b a * p j)) M_pos).
Qed.
Lemma block_pos b i : 0 < block b i.
Proof. revert i. induction b; intros; simpl; [lra|]. apply Rmult_lt_0_compat; auto. apply p_pos, Nat.mod_upper_bound. pose proof M_pos. lia. Qed.
Lemma block_unit b : Sum (M ^ b) (block b) = 1.
Proof.
  induction b; [simpl; ring|]. etransitivity; [exact (block_step b (fun x => x))|]. rewrite (Sum_ext _ _ (block b)); auto.
  intros a _. rewrite Sum_scal, unit. ring.
Qed.
Lemma block_entropy b : entropy (M ^ b) (block b) = INR b * entropy M p.
Proof.
  induction b; [unfold entropy, log2; simpl; rewrite ln_1; field; pose proof ln2; lra|]. rewrite S_INR. unfold entropy in *.
  rewrite (block_step b (fun x => x * log2 x)).
  rewrite (Sum_ext _ _ (fun a => block b a * log2 (block b a) + (Σ j < M, p j * log2 (p j)) * block b a)).
  - rewrite Sum_plus, Sum_scal, block_unit. lra.
  - intros a _. pose proof (block_pos b a). pose proof ln2.
    rewrite (Sum_ext M _ (fun j => block b a * log2 (block b a) * p j + block b a * (p j * log2 (p j)))).
    + rewrite Sum_plus, !Sum_scal, unit. ring.
    + intros j Hj. unfold log2. rewrite ln_mult by auto. field. lra.
Qed.
End Blocks.
