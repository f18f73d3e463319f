(* elasticity-any-number, elasticity-any-number-equality, elasticity-disjoint-any-number, elasticity-rebound-slows (docs/theory.md, The
   elasticity theorem): N pre-training datasets, D_p their equal union, D_a more of dataset a, D_t more of dataset b, summed over the
   N (N - 1) ways to give the two roles. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Line Elasticity.
Open Scope R_scope.

Definition Pairs N (f : nat -> nat -> R) := Σ a < N, Σ b < N, (if Nat.eqb a b then 0 else f a b).
Lemma Pairs_le N f g : (forall a b, (a < N)%nat -> (b < N)%nat -> a <> b -> f a b <= g a b) -> Pairs N f <= Pairs N g.
Proof.
  intros H. apply Sum_le; intros a Ha. apply Sum_le; intros b Hb. destruct (Nat.eqb_spec a b); [lra|auto].
Qed.
Lemma Pairs_ext N f g : (forall a b, (a < N)%nat -> (b < N)%nat -> a <> b -> f a b = g a b) -> Pairs N f = Pairs N g.
Proof. intros H. apply Rle_antisym; apply Pairs_le; intros; rewrite H; auto; lra. Qed.
Lemma Pairs_scal N c f : Pairs N (fun a b => c * f a b) = c * Pairs N f.
Proof.
  unfold Pairs. rewrite <- Sum_scal. apply Sum_ext; intros a _. rewrite <- Sum_scal. apply Sum_ext; intros b _. destruct (Nat.eqb a b); ring.
Qed.
Lemma Pairs_split N f : Pairs N f = (Σ a < N, Σ b < N, f a b) - Σ a < N, f a a.
Proof.
  unfold Pairs. rewrite <- Sum_minus. apply Sum_ext. intros a Ha. rewrite (Sum_split N a (fun b => f a b) Ha).
  rewrite (Sum_ext N (fun b => if Nat.eqb a b then 0 else f a b) (fun b => if Nat.eqb b a then 0 else f a b)); [ring|].
  intros b _. rewrite Nat.eqb_sym. reflexivity.
Qed.

Section AnyNumber.
Variables (N M : nat) (p : nat -> nat -> R) (k l : R).
Hypothesis some : (0 < N)%nat.
Hypothesis p_nonneg : forall s j, (s < N)%nat -> (j < M)%nat -> 0 <= p s j.
Hypothesis unit : forall s, (s < N)%nat -> Sum M (p s) = 1.
Definition m j := / INR N * Σ s < N, p s j.                             (* the pre-training data *)
Hypothesis covered : forall j, (j < M)%nat -> 0 < m j.
Hypothesis k_pos : 0 < k.
Hypothesis l_nonneg : 0 <= l.
Let n := INR N.
Let W := k + 1 + l.
Definition roles a b (u : nat -> R) := slope M (fun j => k * m j + p a j) (p b) (k + 1) u l.   (* dγ_u/dl, as a formula *)
Definition D a b (u : nat -> R) := Derive (gamma M k m (p a) (p b) u) l.         (* and as a derivative *)
Definition chi2 s := Σ j < M, Rsqr (p s j - m j) / m j.
Definition diversity := Sum N chi2.
Let o a b := Σ j < M, p a j * p b j / m j.

Lemma n_pos : 0 < n. Proof. apply (lt_INR 0), some. Qed.
Lemma n_m j : (Σ s < N, p s j) = n * m j.
Proof. unfold m. fold n. field. pose proof n_pos. lra. Qed.
Lemma unit_m : Sum M m = 1.
Proof.
  unfold m. rewrite Sum_scal, <- Sum_swap, (Sum_ext N _ (fun _ => 1)) by (intros; apply unit; auto).
  rewrite Sum_const. fold n. field. pose proof n_pos. lra.
Qed.
Lemma chi2_overlap s : (s < N)%nat -> chi2 s = o s s - 1.
Proof.
  intros Hs.
  assert (leaf : forall j, (j < M)%nat -> Rsqr (p s j - m j) / m j = p s j * p s j / m j - 2 * p s j + m j).
  { intros j Hj. specialize (covered j Hj). unfold Rsqr. field. lra. }
  sum M leaf as S.
  rewrite unit_m, unit in S by auto. unfold chi2, o. rewrite S. ring.
Qed.
Lemma self_overlaps : (Σ a < N, o a a) = diversity + n.
Proof.
  unfold diversity. rewrite (Sum_ext N chi2 (fun s => o s s - 1)) by (intros; apply chi2_overlap; auto).
  rewrite Sum_minus, Sum_const. fold n. ring.
Qed.
Lemma all_overlaps : (Σ a < N, Σ b < N, o a b) = n * n.
Proof.
  rewrite (Sum_ext N _ (fun a => n)); [rewrite Sum_const; reflexivity|]. intros a Ha. unfold o. rewrite Sum_swap.
  rewrite (Sum_ext M _ (fun j => n * p a j)); [rewrite Sum_scal, unit by auto; ring|].
  intros j Hj. rewrite (Sum_ext N _ (fun b => p a j / m j * p b j)) by (intros; unfold Rdiv; ring).
  rewrite Sum_scal, n_m. field. specialize (covered j Hj). lra.
Qed.
Lemma pair_sum x y z : Pairs N (fun a b => x + y * o a b + z * o b b) = x * (n * n - n) + y * (n * n - n - diversity) + z * (n - 1) * (diversity + n).
Proof.
  rewrite Pairs_split, (Sum_ext N _ (fun a => n * x + y * (Σ b < N, o a b) + z * (diversity + n))).
  - spread_goal. rewrite !Sum_const, all_overlaps, self_overlaps. fold n. ring.
  - intros a _. spread_goal. rewrite Sum_const, self_overlaps. reflexivity.
Qed.

Lemma D_roles a b u : (a < N)%nat -> (b < N)%nat -> Sum M u = 1 -> D a b u = roles a b u.
Proof.
  intros Ha Hb U. apply (D_rate M k m (p a) (p b) u l); auto. apply leaves_covered; auto.
Qed.
Lemma D_align : Pairs N (fun a b => D a b (p a)) = Pairs N (fun a b => roles a b (p a)).
Proof. apply Pairs_ext; intros; apply D_roles; auto. Qed.
Lemma D_before : Pairs N (fun a b => D a b m) = Pairs N (fun a b => roles a b m).
Proof. apply Pairs_ext; intros; apply D_roles; auto using unit_m. Qed.

Lemma align_loses : k * diversity / (W * W) <= Pairs N (fun a b => roles a b (p a)).
Proof.
  assert (0 < W) by (unfold W; lra).
  apply Rle_trans with (Pairs N (fun a b => k / (W * W) + - (k / (W * W)) * o a b + 0 * o b b)).
  - rewrite pair_sum. right. field. lra.
  - apply Pairs_le. intros a b Ha Hb _.
    pose proof (align_bound M k m (p a) (p b) k_pos (unit a Ha) (unit b Hb) covered (fun j => p_nonneg a j Ha) (fun j => p_nonneg b j Hb) l l_nonneg)
      as B.
    cbv beta in B. fold W (o a b) in B. unfold roles. unfold Rdiv in *. lra.
Qed.
Lemma pre_recovers : Pairs N (fun a b => roles a b m) <= - (1 - (n - 1) * l) * diversity / (W * W).
Proof.
  assert (0 < W) by (unfold W; lra).
  apply Rle_trans with (Pairs N (fun a b => - (1 + l) / (W * W) + / (W * W) * o a b + l / (W * W) * o b b)).
  - apply Pairs_le. intros a b Ha Hb _.
    pose proof (pre_bound M k m (p a) (p b) k_pos (unit b Hb) covered (fun j => p_nonneg a j Ha) (fun j => p_nonneg b j Hb) W l l_nonneg H) as B.
    cbv beta in B. fold W (o a b) (o b b) in B. unfold roles. eapply Rle_trans; [exact B|]. right. unfold W in *. field. lra.
  - rewrite pair_sum. right. field. lra.
Qed.
Lemma diversity_nonneg : 0 <= diversity.
Proof. apply Sum_nonneg; intros s Hs. apply Sum_nonneg; intros j Hj. specialize (covered j Hj). nonneg. Qed.
Lemma any_number_signs : 0 <= Pairs N (fun a b => roles a b (p a)) /\ ((n - 1) * l <= 1 -> Pairs N (fun a b => roles a b m) <= 0).
Proof.
  assert (0 < W) by (unfold W; lra). pose proof diversity_nonneg. split.
  - eapply Rle_trans; [|apply align_loses]. nonneg.
  - intros Hl. eapply Rle_trans; [apply pre_recovers|].
    replace (- (1 - (n - 1) * l) * diversity / (W * W)) with (- ((1 - (n - 1) * l) * diversity / (W * W))) by (field; lra).
    assert (0 <= (1 - (n - 1) * l) * diversity / (W * W)); [|lra]. nonneg.
Qed.
(* with a rate: the more the pre-training parts differ, the more elastic *)
Theorem elasticity_any_number :
  k * diversity / (W * W) <= Pairs N (fun a b => D a b (p a)) /\ 0 <= Pairs N (fun a b => D a b (p a)) /\
  Pairs N (fun a b => D a b m) <= - (1 - (n - 1) * l) * diversity / (W * W) /\ ((n - 1) * l <= 1 -> Pairs N (fun a b => D a b m) <= 0).
Proof. rewrite D_align, D_before. destruct any_number_signs as [A B]. repeat split; auto using align_loses, pre_recovers. Qed.
(* equality: nothing is elastic only where all N datasets are alike *)
Lemma no_diversity : diversity = 0 -> forall s j, (s < N)%nat -> (j < M)%nat -> p s j = m j.
Proof.
  intros E s j Hs Hj. assert (P : forall s, (s < N)%nat -> 0 <= chi2 s).
  { intros; apply Sum_nonneg; intros i Hi. specialize (covered i Hi). nonneg. }
  assert (C : chi2 s = 0) by (exact (Sum_null N chi2 P E s Hs)).
  assert (T : Rsqr (p s j - m j) / m j = 0).
  { refine (Sum_null M (fun j => Rsqr (p s j - m j) / m j) _ C j Hj). intros i Hi. specialize (covered i Hi). nonneg. }
  specialize (covered j Hj). apply Rminus_diag_uniq, Rsqr_0_uniq. apply Rmult_integral in T as [T|T]; auto.
  pose proof (Rinv_0_lt_compat _ covered). lra.
Qed.
Lemma align_equality : Pairs N (fun a b => roles a b (p a)) = 0 -> forall s j, (s < N)%nat -> (j < M)%nat -> p s j = m j.
Proof.
  intros E. apply no_diversity. pose proof align_loses as L. rewrite E in L. pose proof diversity_nonneg.
  assert (0 < W) by (unfold W; lra). assert (0 < k / (W * W)) by pos.
  replace (k * diversity / (W * W)) with (k / (W * W) * diversity) in L by (field; lra). nra.
Qed.
Lemma pre_equality : (n - 1) * l < 1 -> Pairs N (fun a b => roles a b m) = 0 -> forall s j, (s < N)%nat -> (j < M)%nat -> p s j = m j.
Proof.
  intros Hl E. apply no_diversity. pose proof pre_recovers as L. rewrite E in L. pose proof diversity_nonneg.
  assert (0 < W) by (unfold W; lra). assert (0 < (1 - (n - 1) * l) / (W * W)) by pos.
  replace (- (1 - (n - 1) * l) * diversity / (W * W)) with (- ((1 - (n - 1) * l) / (W * W) * diversity)) in L by (field; lra). nra.
Qed.

Theorem elasticity_any_number_equality : let alike := forall s j, (s < N)%nat -> (j < M)%nat -> p s j = m j in
  (Pairs N (fun a b => D a b (p a)) = 0 -> alike) /\ ((n - 1) * l < 1 -> Pairs N (fun a b => D a b m) = 0 -> alike) /\
  (alike -> Pairs N (fun a b => D a b (p a)) = 0 /\ Pairs N (fun a b => D a b m) = 0).
Proof.
  intros alike. rewrite D_align, D_before. split; [exact align_equality|split; [exact pre_equality|]]. intros H.
  assert (Z : forall a b u, (a < N)%nat -> (b < N)%nat -> (forall j, (j < M)%nat -> u j = m j) -> roles a b u = 0).
  { intros a b u Ha Hb U. unfold roles, slope, overlap, Q. rewrite (Sum_ext M _ (fun j => / (k + 1 + l) * m j)); [rewrite Sum_scal, unit_m; ring|].
    intros j Hj. rewrite U, !H by auto. specialize (covered j Hj). field. split; [lra|]. apply pos_not_0. nra. }
  assert (P : forall f, (forall a b, (a < N)%nat -> (b < N)%nat -> f a b = 0) -> Pairs N f = 0).
  { intros f F. apply Sum_zero; intros a Ha. apply Sum_zero; intros b Hb. destruct (Nat.eqb a b); auto. }
  split; apply P; intros; apply Z; auto.
Qed.

(* for each way to give the roles the ratio tends to -k, with a rate: the pre-training data contains what perturbs it *)
Lemma paper_gap a b : (a < N)%nat -> (b < N)%nat -> 0 <= roles a b (p a) + k * roles a b m <= l * (n / (k + n * l) - / W).
Proof.
  intros Ha Hb. pose proof n_pos. assert (D : 0 < k + n * l) by nra.
  set (B j := k * m j + p a j). set (C := n / (k + n * l)).
  assert (L : leaves M B (p b) (k + 1) l) by exact (leaves_covered M k m (p a) (p b) k_pos covered (fun j => p_nonneg a j Ha)
    (fun j => p_nonneg b j Hb) l l_nonneg).
  assert (E : roles a b (p a) = - k * roles a b m - l * roles a b (p b)) by exact (ratio M k m (p a) (p b) (unit b Hb) l L).
  assert (T : Sum M (Q B (p b) l) = k + 1 + l) by exact (total M k m (p a) (p b) unit_m (unit a Ha) (unit b Hb) l).
  destruct (own_rate M B (p b) (k + 1) l L (unit b Hb) T) as [O _]. change (slope M B (p b) (k + 1) (p b) l) with (roles a b (p b)) in O.
  rewrite E. split; [nra|]. assert (F : overlap M B (p b) (p b) l <= C).
  { rewrite <- (Rmult_1_r C), <- (unit b Hb), <- Sum_scal. apply Sum_le. intros j Hj. destruct L as [P _]. pose proof (P j Hj) as Qj.
    pose proof (p_nonneg a j Ha Hj). pose proof (p_nonneg b j Hb Hj).
    assert (S : p b j <= n * m j) by (rewrite <- n_m; apply (Sum_term N (fun s => p s j) b); auto).
    apply (Rmult_le_reg_r (Q B (p b) l j * (k + n * l))); [pos|]. unfold C.
    replace (p b j * p b j / Q B (p b) l j * (Q B (p b) l j * (k + n * l))) with (p b j * (k * p b j + n * (l * p b j))) by (field; lra).
    replace (n / (k + n * l) * p b j * (Q B (p b) l j * (k + n * l))) with (p b j * (n * Q B (p b) l j)) by (field; lra).
    apply Rmult_le_compat_l; auto. unfold Q, B. assert (k * p b j <= k * (n * m j)) by (apply Rmult_le_compat_l; lra).
    assert (0 <= n * p a j) by (apply Rmult_le_pos; lra). lra. }
  assert (R : - roles a b (p b) <= C - / W) by (unfold roles, slope; fold B W; lra).
  replace (- k * roles a b m - l * roles a b (p b) + k * roles a b m) with (l * - roles a b (p b)) by ring. apply Rmult_le_compat_l; auto.
Qed.
(* the perturbation's dataset shares no leaf with the others: exact values *)
Lemma disjoint_values a b : (forall s j, (s < N)%nat -> (j < M)%nat -> s <> b -> p s j * p b j = 0) ->
  (a < N)%nat -> (b < N)%nat -> a <> b -> roles a b (p a) = / W /\ roles a b m = ((n - 1) * l - 1) / (W * (k + n * l)).
Proof.
  intros D Ha Hb Hab. pose proof n_pos. assert (0 < k + n * l) by nra. unfold roles, slope, overlap. fold W. split.
  - rewrite Sum_zero; [ring|]. intros j Hj. rewrite D by auto. unfold Rdiv. ring.
  - rewrite (Sum_ext M _ (fun j => / (k + n * l) * p b j)).
    + rewrite Sum_scal, unit by auto. unfold W. field. lra.
    + intros j Hj. unfold Q. pose proof (covered j Hj) as C. pose proof (p_nonneg b j Hb Hj) as Pb. pose proof (p_nonneg a j Ha Hj) as Pa.
      destruct (Req_dec (p b j) 0) as [Z|Z]; [rewrite Z; unfold Rdiv; ring|].
      assert (A : p a j = 0) by (specialize (D a j Ha Hj Hab); apply Rmult_integral in D as [D|D]; [auto|contradiction]).
      assert (E : n * m j = p b j).
      { rewrite <- n_m, (Sum_split N b _ Hb), Sum_zero; [ring|]. intros s Hs. destruct (Nat.eqb_spec s b); auto.
        specialize (D s j Hs Hj n0). apply Rmult_integral in D as [D|D]; [auto|contradiction]. }
      rewrite A. replace (p b j) with (n * m j) by auto. field. repeat split; try lra. nra.
Qed.
(* dγ_p/dl turns at l = 1/(N-1), so the bound of elasticity-any-number is sharp *)
Theorem elasticity_disjoint_any_number a b : (forall s j, (s < N)%nat -> (j < M)%nat -> s <> b -> p s j * p b j = 0) ->
  (a < N)%nat -> (b < N)%nat -> a <> b -> D a b (p a) = / W /\ D a b m = ((n - 1) * l - 1) / (W * (k + n * l)) /\
  (D a b m < 0 <-> (n - 1) * l < 1).
Proof.
  intros Dis Ha Hb Hab. rewrite !D_roles by auto using unit_m. destruct (disjoint_values a b Dis Ha Hb Hab) as [-> ->]. repeat split; auto.
  - pose proof n_pos. assert (0 < / (W * (k + n * l))) by (apply Rinv_0_lt_compat, Rmult_lt_0_compat; [unfold W; lra|nra]). unfold Rdiv. nra.
  - pose proof n_pos. assert (0 < / (W * (k + n * l))) by (apply Rinv_0_lt_compat, Rmult_lt_0_compat; [unfold W; lra|nra]). unfold Rdiv. nra.
Qed.
(* the rebound of the pre-training data is fast first, then slow: on average over the roles its code length is convex *)
Theorem elasticity_rebound_slows :
  - (2 / W) * Pairs N (fun a b => D a b m) <= Pairs N (fun a b => Derive_n (gamma M k m (p a) (p b) m) 2 l) /\
  ((n - 1) * l <= 1 -> 0 <= Pairs N (fun a b => Derive_n (gamma M k m (p a) (p b) m) 2 l)).
Proof.
  assert (A : - (2 / W) * Pairs N (fun a b => D a b m) <= Pairs N (fun a b => Derive_n (gamma M k m (p a) (p b) m) 2 l)).
  { rewrite D_before, <- Pairs_scal. apply Pairs_le. intros a b Ha Hb _. set (B j := k * m j + p a j).
    assert (L : leaves M B (p b) (k + 1) l) by exact (leaves_covered M k m (p a) (p b) k_pos covered (fun j => p_nonneg a j Ha)
      (fun j => p_nonneg b j Hb) l l_nonneg).
    replace (Derive_n (gamma M k m (p a) (p b) m) 2 l) with (bend M B (p b) (k + 1) m l) by (symmetry;
      exact (Derive2_code M B (p b) (k + 1) m l L unit_m)).
    pose proof (bend_bound M B (p b) (k + 1) m l L unit_m (fun j Hj => Rlt_le _ _ (covered j Hj))) as R. unfold roles. fold B W in R |- *. nra. }
  split; [exact A|]. intros small. destruct elasticity_any_number as (_ & _ & _ & F). specialize (F small).
  assert (0 < 2 / W) by (unfold W; pos). nra.
Qed.
End AnyNumber.
